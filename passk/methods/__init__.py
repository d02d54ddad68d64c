"""Methods that need the model's inner states: `method:` of an rl stage, beside its advantage estimator.

A method is a class whose fields are its options (passk/methods/method.py). Its file is named as the method. Another
package offers one as an entry point of the group `passk.methods`. This import loads neither torch nor a method.
"""

from passk.methods.method import Method
from passk.methods.registry import GROUP, get, names

__all__ = ["GROUP", "Method", "get", "names"]
