# What Python's packages make of texts, for tests that hold ours against them.
#
# Every line on stdin is a JSON object with "do", and gets one in return:
#   {"do": "parts", "text": "...", "data_coding": 0}   smpplib's parts, in hexadecimal
#   {"do": "codec", "codec": "iso8859-5", "below": 8704}   its octets of each code point below that it has
#   {"do": "tables"}                                   gsmcodecs' tables: language -> kind -> septet -> code point
# or {"error": "..."}. The end of stdin ends it.

import json
import sys

from gsmcodecs.charmaps import GSMCHARMAPS
from smpplib import gsm


def answer(request):
    if request['do'] == 'parts':
        parts, data_coding, esm_class = gsm.make_parts(request['text'], request['data_coding'])
        return {'parts': [p.hex() for p in parts], 'data_coding': data_coding, 'esm_class': esm_class}
    if request['do'] == 'codec':
        octets = {r: chr(r).encode(request['codec'], 'ignore').hex() for r in range(request['below'])}
        return {'octets': {str(r): o for r, o in octets.items() if o}}
    return {'tables': {language: {kind: maps['decode'] for kind, maps in tables.items()} for language, tables in GSMCHARMAPS.items()}}


for line in sys.stdin:
    try:
        reply = answer(json.loads(line))
    except Exception as e:
        reply = {'error': repr(e)}
    print(json.dumps(reply), flush=True)
