'use strict';
// The PDU codec of the npm package smpp alone, for tests that hold another codec against it.
//
// node codec.js
//
// Every line on stdin is {"pdu":"hex"} or {"command":"submit_sm","fields":{…}}, and gets one line in return: the fields, the PDU in
// hexadecimal, or {"error":"…"}. Numbers are numbers, and everything else is octets in hexadecimal. The end of stdin ends it.

const readline = require('readline');
const smpp = require('smpp');

// The filters make texts, dates and objects of fields, by the alphabets that the package has. What is compared here are the octets.
smpp.PDU.prototype._filter = function () {};
smpp.PDU.maxLength = 1 << 20;
// TLVs without a type are kept when they are read and left out when they are written.
smpp.addTLV('carrier_1400', { id: 0x1400, type: smpp.types.tlv.buffer });
smpp.addTLV('carrier_3fff', { id: 0x3fff, type: smpp.types.tlv.buffer });

function decode(hex) {
  const p = new smpp.PDU(Buffer.from(hex, 'hex'));
  const fields = {};
  for (const key of Object.keys(p)) {
    const v = p[key];
    if (key === 'command') fields[key] = v;
    else if (typeof v === 'number') fields[key] = v;
    else fields[key] = (Buffer.isBuffer(v) ? v : Buffer.from(v, 'ascii')).toString('hex');
  }
  return { fields };
}

function encode(command, fields) {
  const options = {};
  for (const key of Object.keys(fields)) {
    const v = fields[key];
    options[key] = typeof v === 'number' ? v : Buffer.from(v, 'hex');
  }
  return { pdu: new smpp.PDU(command, options).toBuffer().toString('hex') };
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  let reply;
  try {
    const request = JSON.parse(line);
    reply = 'pdu' in request ? decode(request.pdu) : encode(request.command, request.fields);
  } catch (e) {
    reply = { error: String(e) };
  }
  process.stdout.write(JSON.stringify(reply) + '\n');
});
