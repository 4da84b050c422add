"""Says nothing to a method that it does not know."""

import lines

lines.unknown = lambda message: None
lines.serve(lambda: [lines.tool("one")], lambda request, name, arguments: lines.text(request, name))
