import json
import sys

import jq

options = {argument for argument in sys.argv[1:] if argument.startswith("-")}
(program,) = (argument for argument in sys.argv[1:] if not argument.startswith("-"))
assert options <= {"-r"}, options
for value in jq.compile(program).input_text(sys.stdin.read()):
    print(value if "-r" in options and isinstance(value, str) else json.dumps(value))
