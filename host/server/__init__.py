"""Serves a bus: its files, its page with the settings filled in, and the headers of both.

Everything except `shared.py` goes into the wheel unchanged, as the package `sso_bus`. So these modules
import each other relatively, and import the bus only through `shared.py` (host/tools/packages/wheel.py).
"""
