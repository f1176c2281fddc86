'use strict';
// What the npm package smpp makes of texts, for tests that hold ours against it.
//
// Every line on stdin is {"do":"encode","codec":"ASCII","text":"…"} or {"do":"decode","codec":…,"hex":"…"}, where the codec is one of
// the package's encodings, or the number of a national language, and gets one in return: {"hex":"…"}, {"text":"…"} or {"error":"…"}.
// The end of stdin ends it.

const readline = require('readline');
const smpp = require('smpp');

function answer({ do: what, codec, text, hex }) {
  const national = typeof codec === 'number';
  if (what === 'encode') {
    return { hex: (national ? smpp.gsmCoder.encode(text, codec) : smpp.encodings[codec].encode(text)).toString('hex') };
  }
  const octets = Buffer.from(hex, 'hex');
  return { text: national ? smpp.gsmCoder.decode(octets, codec) : smpp.encodings[codec].decode(octets) };
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  let reply;
  try {
    reply = answer(JSON.parse(line));
  } catch (e) {
    reply = { error: String(e) };
  }
  process.stdout.write(JSON.stringify(reply) + '\n');
});
