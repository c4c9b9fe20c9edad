from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = "Orders and payments"

    def ready(self) -> None:
        from payments import checks  # noqa: F401  (importing it registers the checks)
