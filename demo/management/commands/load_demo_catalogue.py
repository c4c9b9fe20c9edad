from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Add demo products to try the shop with. Existing products stay as they are."

    def handle(self, *args: Any, **options: Any) -> None:
        from demo.goods.loading import load

        added = load()
        if options["verbosity"]:
            for name in added:
                self.stdout.write(f"Added {name}.")
            self.stdout.write("The demo catalogue is loaded.")
