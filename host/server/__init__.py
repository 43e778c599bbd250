"""What serves a bus: its files, its page filled in with the settings, and the headers of both.

All of it but `shared.py` goes into the wheel as it is, as the package `sso_bus`. So these modules
import each other relatively, and the bus through `shared.py` alone (host/tools/packages/wheel.py).
"""
