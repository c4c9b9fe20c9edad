from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Fills the shop with goods to try it with. What is there already stays as it is."

    def handle(self, *args: Any, **options: Any) -> None:
        from demo.goods.loading import load

        added = load()
        if options["verbosity"]:
            for name in added:
                self.stdout.write(f"Added {name}.")
            self.stdout.write("The demo catalogue is on the shelf.")
