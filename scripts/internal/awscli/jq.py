import json
import sys

import jq

options = {letter for argument in sys.argv[1:] if argument.startswith("-") for letter in argument[1:]}
(program,) = (argument for argument in sys.argv[1:] if not argument.startswith("-"))
assert options <= set("rncjs"), options
compiled = jq.compile(program)
for value in compiled.input_value(None) if "n" in options else compiled.input_text(sys.stdin.read(), slurp="s" in options):
    raw = isinstance(value, str) and options & set("rj")
    print(value if raw else json.dumps(value, separators=(",", ":")), end="" if "j" in options else "\n")
