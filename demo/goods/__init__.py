"""The goods that `manage.py load_demo_catalogue` adds, pictures and files included."""
