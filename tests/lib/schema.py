"""schema.py SCHEMA FILE...: each file holds one JSON value that the JSON Schema allows.

What check-jsonschema says of them, by the same library, patterns as in ECMAScript and times as in RFC 3339, without the
half second that it takes to load what it has for other uses: the suite asks this hundreds of times. Run by the Python in
build/tools/check-jsonschema.
"""
import datetime
import json
import re
import sys

import regress
from jsonschema import FormatChecker, validators

formats = FormatChecker(formats=())


@formats.checks('date-time')
def is_time(value):
    if not isinstance(value, str):
        return True
    match = re.fullmatch(r'(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)', value, re.ASCII)
    if not match:
        return False
    try:
        datetime.datetime(*(int(n) for n in match.groups()[:6]))
    except ValueError:
        return False
    return True


def pattern(validator, text, value, schema):
    if validator.is_type(value, 'string') and not regress.Regex(text, flags='u').find(value):
        from jsonschema import ValidationError
        yield ValidationError(f'{value!r} does not match {text!r}')


def load(path):
    with open(path, encoding='utf-8') as f:
        return json.load(f)


schema = load(sys.argv[1])
known = set(re.findall(r'"format": "([^"]*)"', json.dumps(schema))) - set(formats.checkers)
if known:
    sys.exit(f'{sys.argv[1]}: no check is here for the format {", ".join(known)}')
base = validators.validator_for(schema)
base.check_schema(schema)
validator = validators.extend(base, {'pattern': pattern})(schema, format_checker=formats)
status = 0
for path in sys.argv[2:]:
    try:
        errors = [f'{e.json_path}: {e.message}' for e in validator.iter_errors(load(path))]
    except (OSError, ValueError) as e:
        errors = [str(e)]
    for e in errors:
        print(f'{path}: {e}', file=sys.stderr)
        status = 1
sys.exit(status)
