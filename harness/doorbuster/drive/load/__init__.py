"""Load, driven by Locust: an asyncio engine in a thread of its own places the orders, Locust counts and shows them."""
