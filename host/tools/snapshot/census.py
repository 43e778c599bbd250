"""Runs in the interpreter whose memory was saved: says what the objects in it are (host/tools/weigh.py prints it)."""

import gc
import json
import sys
import types
from collections import deque

# The parts of a code object, as weigh.py names them.
PARTS = {
    "co_linetable": "line tables",
    "co_exceptiontable": "exception tables",
    "co_filename": "file names",
    "co_names": "tuples of names",
    "co_consts": "tuples of constants",
}


def census():
    """Returns JSON: address, kind and module of each object that can be reached."""
    found = {}
    queue = deque([(sys.modules, "")])
    queue += ((module, name) for name, module in sys.modules.items())
    classes = {id(object): object}
    todo = [object]
    while todo:
        news = {id(one): one for one in type.__subclasses__(todo.pop())}
        todo += (one for key, one in news.items() if key not in classes)
        classes |= news
    queue += ((one, "") for one in classes.values())
    while queue:
        one, where = queue.popleft()
        if id(one) in found or type(one) is types.FrameType or one is found or one is queue:
            continue
        if type(one) is types.ModuleType or type(one) is types.FunctionType or isinstance(one, type):
            own = vars(one).get("__name__" if type(one) is types.ModuleType else "__module__")
            own = own or getattr(one, "__module__", None)
            where = own if isinstance(own, str) else where
        found[id(one)] = ["class" if isinstance(one, type) else type(one).__name__, where]
        if type(one) is types.CodeType:
            for name, kind in PARTS.items():
                found.setdefault(id(getattr(one, name)), [kind, where])
            for text in (*one.co_names, *one.co_varnames, *one.co_cellvars, *one.co_freevars):
                found.setdefault(id(text), ["names", where])
            for text in (one.co_name, one.co_qualname):
                found.setdefault(id(text), ["names of functions", where])
            queue += ((part, where) for part in one.co_consts)
        elif isinstance(one, type) or type(one) in (types.ModuleType, types.FunctionType):
            doc = one.__doc__ if type(one) is types.FunctionType else vars(one).get("__doc__")
            if isinstance(doc, str):
                found.setdefault(id(doc), ["docstrings", where])
        queue += ((part, where) for part in gc.get_referents(one))
    return json.dumps([[address, *what] for address, what in found.items()])
