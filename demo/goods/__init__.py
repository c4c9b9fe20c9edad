"""The goods that `manage.py load_demo_catalogue` puts on the shelf, pictures and files included."""
