"""Types of messages, good and bad."""

from bus.messages import FROM_BUS, SERVED

TYPES = [
    *SERVED, *sorted(FROM_BUS), "BUS.INIT", "A.B", "A1_.B2_", "A." + "B" * 62, "A." + "B" * 63, "", "A", "A.", ".A", "a.b",
    "A.b", "A.B.C", "1A.B", "A.1B", "_A.B", "A-B.C", "A.B\n", "\nA.B", " A.B", "A.B ", "A.B\u2028", "\u00c4.B", "A.\u00df",
    "A.B_FULFILLED", "A.B_REJECTED", "A._FULFILLED", "A.B_FULFILLED_", "A.FULFILLED", "A.BFULFILLED", "\u0391.B", "A.B\0",
    "A" * 63 + ".B", "A.B_REJECTED\n", "__proto__.A", "A.BUS.READY", "BUS.READY_", "\uff21.B",
]  # fmt: skip
