'use strict';
// An SMSC on the npm package smpp, for tests: another implementation of the
// protocol, by other people, in another language.
//
// node server.js CONFIG       CONFIG is JSON, see config below
//
// The first line on stdout is {"port":N}. From then on every line on stdin is a
// command, {"op":"…"}, and gets one line in return, {"ok":true,…} or
// {"error":"…"}. The end of stdin stops the server, so that it never outlives
// the test that started it.

const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');

const config = Object.assign({
  host: '127.0.0.1',
  port: 0,
  log: '',            // file for a line of JSON for every event
  password: '',       // wanted of every bind; empty: any
  ids: 'decimal',     // decimal, hex, hex-dec, dec-hex
  firstId: 0x10000000 + Math.floor(Math.random() * 0x60000000),
  latency: [0, 0],    // ms from a submit_sm to its answer
  receipts: true,
  receiptDelay: [50, 500], // ms from the answer to the receipt
  rules: {},          // {"0000": 11}: status by the last digits of the destination
  outcomes: {},       // {"0001": "UNDELIV"}: end of the message by the same; ENROUTE: none
  remember: 0,        // messages that query_sm, cancel_sm and replace_sm find, the last ones
  silent: [],         // last digits of destinations whose receipts are lost: only query_sm tells
  deliverWindow: 50,  // unanswered deliver_sm on one session
  deliverTimeout: 60000, // far more than an ESME takes that is slow and lives
  retryDelay: 200,
  queueLimit: 500000, // deliver_sm that exist; above it ESME_RMSGQFUL
}, JSON.parse(process.argv[2] || '{}'));

const states = {
  ENROUTE: 1, DELIVRD: 2, EXPIRED: 3, DELETED: 4, UNDELIV: 5, ACCEPTD: 6, UNKNOWN: 7, REJECTD: 8,
};

const count = {
  binds: 0, submits: 0, accepted: 0, refused: 0,
  receipts: 0, receiptsAcked: 0, mo: 0, moAcked: 0, retried: 0, pending: 0,
};

// --- the log: flushed every 10 ms, and before the process ends

const logFile = config.log ? fs.openSync(config.log, 'w') : -1;
let lines = [];

function log(event) {
  if (logFile < 0) return;
  event.at = new Date().toISOString();
  lines.push(JSON.stringify(event));
}

function flush() {
  if (lines.length === 0) return;
  fs.writeSync(logFile, lines.join('\n') + '\n');
  lines = [];
}

setInterval(flush, 10);

// --- binds

const peers = []; // bound sessions
let lastSession = 0;
let nextId = config.firstId;
let turn = 0;
let rng = 1;

const between = ([a, b]) => a + Math.floor(Math.random() * (b - a + 1));

function bySuffix(table, destination) {
  for (const suffix of Object.keys(table)) {
    if (destination.endsWith(suffix)) return table[suffix];
  }
  return undefined;
}

const serve = (session) => {
  const peer = { id: ++lastSession, session, systemId: '', receiver: false, transmitter: false, sent: new Map() };

  const bind = (receiver, transmitter) => (pdu) => {
    if (peer.receiver || peer.transmitter) {
      session.send(pdu.response({ command_status: smpp.ESME_RALYBND }));
      return;
    }
    if (config.password && pdu.password !== config.password) {
      session.send(pdu.response({ command_status: smpp.ESME_RINVPASWD }));
      session.close();
      return;
    }
    Object.assign(peer, { systemId: pdu.system_id, receiver, transmitter });
    peers.push(peer);
    count.binds++;
    session.send(pdu.response({ system_id: 'npmpeer' }));
    setImmediate(dispatch);
  };
  session.on('bind_transceiver', bind(true, true));
  session.on('bind_receiver', bind(true, false));
  session.on('bind_transmitter', bind(false, true));
  session.on('submit_sm', (pdu) => submit(peer, pdu));
  session.on('query_sm', (pdu) => query(peer, pdu));
  session.on('cancel_sm', (pdu) => cancel(peer, pdu));
  session.on('replace_sm', (pdu) => replace(peer, pdu));
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => {
    leave(peer);
    session.send(pdu.response());
    session.close();
  });
  session.on('unknown', (pdu) => session.send(pdu.response()));
  session.on('error', () => session.destroy());
  session.on('close', () => leave(peer));
};
const server = smpp.createServer(serve);

function leave(peer) {
  const i = peers.indexOf(peer);
  if (i < 0) return;
  peers.splice(i, 1);
  count.binds--;
  for (const parcel of peer.sent.values()) {
    ended(peer, parcel, { acked: false, reason: 'disconnect' });
    queue.push(parcel);
  }
  peer.sent.clear(); // or their timers would send them once more
  setImmediate(dispatch);
}

// --- submit_sm

function messageIds(n) {
  const hex = n.toString(16).toUpperCase();
  const dec = n.toString(10);
  switch (config.ids) {
    case 'hex': return [hex, hex];
    case 'hex-dec': return [hex, dec];
    case 'dec-hex': return [dec, hex];
    default: return [dec, dec];
  }
}

function submit(peer, pdu) {
  count.submits++;
  // A long message may come in message_payload, with an empty short_message.
  const content = [pdu.short_message, pdu.message_payload].find((c) => c && c.message && c.message.length > 0) || {};
  const event = {
    event: 'submit', bind: peer.id, system_id: peer.systemId, sequence: pdu.sequence_number,
    from: pdu.source_addr, to: pdu.destination_addr, esm_class: pdu.esm_class,
    data_coding: pdu.data_coding, registered_delivery: pdu.registered_delivery,
    priority_flag: pdu.priority_flag, message_id: '', status: 0,
  };
  if (typeof content.message === 'string') event.text = content.message;
  else if (content.message) event.body = content.message.toString('hex');
  for (const element of content.udh || []) {
    if (element[0] === 0 && element.length === 5) [event.form, event.ref, event.total, event.part] = ['udh8', element[2], element[3], element[4]];
    if (element[0] === 8 && element.length === 6) [event.form, event.ref, event.total, event.part] = ['udh16', element.readUInt16BE(2), element[4], element[5]];
  }
  if (pdu.sar_total_segments) [event.form, event.ref, event.total, event.part] = ['sar', pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum];
  if (content === pdu.message_payload) event.form = 'payload';

  const status = !peer.transmitter ? smpp.ESME_RINVBNDSTS
    : bySuffix(config.rules, pdu.destination_addr) || (count.pending >= config.queueLimit ? smpp.ESME_RMSGQFUL : 0);
  if (status) {
    count.refused++;
    event.status = status;
    log(event);
    later(between(config.latency), () => peer.session.send(pdu.response({ command_status: status })));
    return;
  }
  count.accepted++;
  const [id, receiptId] = messageIds(nextId++);
  event.message_id = id;
  log(event);
  const submitted = new Date();
  const stat = bySuffix(config.outcomes, pdu.destination_addr) || 'DELIVRD';
  const asked = pdu.registered_delivery & 3;
  const lost = stat === 'ENROUTE' || config.silent.some((suffix) => pdu.destination_addr.endsWith(suffix));
  const wanted = config.receipts && !lost && (asked === 1 || (asked === 2 && stat !== 'DELIVRD'));
  remember(id, { peer, pdu, stat, submitted, receiptId });
  if (wanted) count.pending++;
  later(between(config.latency), () => {
    peer.session.send(pdu.response({ message_id: id }));
    if (!wanted) return;
    later(between(config.receiptDelay), () => deliver(receipt(peer, pdu, id, receiptId, stat, submitted)));
  });
}

function receipt(peer, pdu, id, receiptId, stat, submitted) {
  return {
    kind: 'receipt', systemId: peer.systemId, message_id: id, stat, tries: 0,
    pdu: {
      esm_class: 4, data_coding: 0,
      source_addr_ton: pdu.dest_addr_ton, source_addr_npi: pdu.dest_addr_npi, source_addr: pdu.destination_addr,
      dest_addr_ton: pdu.source_addr_ton, dest_addr_npi: pdu.source_addr_npi, destination_addr: pdu.source_addr,
      short_message: { message: receiptText(receiptId, stat, submitted, new Date()) },
    },
  };
}

// --- query_sm, cancel_sm, replace_sm: the addresses must be the message's (SMPP v3.4 §4.8 to §4.10)

const known = new Map();

function remember(id, message) {
  if (config.remember === 0) return;
  known.set(id, message);
  if (known.size > config.remember) known.delete(known.keys().next().value);
}

// find answers with a refusal, and gives nothing, where there is no such message.
function find(peer, pdu, refusal) {
  const event = { event: pdu.command.slice(0, -3), bind: peer.id, sequence: pdu.sequence_number, message_id: pdu.message_id, from: pdu.source_addr, status: 0 };
  const message = known.get(pdu.message_id);
  const mine = message && message.pdu.source_addr === pdu.source_addr &&
    (pdu.command !== 'cancel_sm' || message.pdu.destination_addr === pdu.destination_addr);
  if (!message) event.status = smpp.ESME_RINVMSGID;
  else if (!mine || (refusal && message.stat !== 'ENROUTE')) event.status = refusal || smpp.ESME_RQUERYFAIL;
  // It has no data_coding (SMPP v3.4 §4.10.1), so the package leaves the text as it is; here it is the default alphabet.
  if (pdu.command === 'replace_sm') event.text = smpp.encodings.ASCII.decode(pdu.short_message);
  log(event);
  if (!event.status) return message;
  peer.session.send(pdu.response({ command_status: event.status }));
  return undefined;
}

function query(peer, pdu) {
  const m = find(peer, pdu, 0);
  if (!m) return;
  peer.session.send(pdu.response({
    message_id: pdu.message_id, final_date: m.stat === 'ENROUTE' ? '' : new Date(), message_state: states[m.stat], error_code: 0,
  }));
}

function cancel(peer, pdu) {
  const m = find(peer, pdu, smpp.ESME_RCANCELFAIL);
  if (!m) return;
  m.stat = 'DELETED';
  peer.session.send(pdu.response());
  if (!config.receipts) return;
  count.pending++;
  deliver(receipt(m.peer, m.pdu, pdu.message_id, m.receiptId, m.stat, m.submitted));
}

function replace(peer, pdu) {
  if (find(peer, pdu, smpp.ESME_RREPLACEFAIL)) peer.session.send(pdu.response());
}

function later(ms, fn) {
  if (ms <= 0) fn();
  else setTimeout(fn, ms);
}

function receiptText(id, stat, submitted, done) {
  const time = (d) => d.toISOString().replace(/[-T:]/g, '').slice(2, 12);
  const ok = stat === 'DELIVRD';
  return `id:${id} sub:001 dlvrd:${ok ? '001' : '000'} submit date:${time(submitted)} done date:${time(done)} ` +
    `stat:${stat} err:${ok ? '000' : '0' + (10 + (states[stat] || 0))} text:`;
}

// --- deliver_sm: to sessions that can receive, again until it is acknowledged

const queue = [];
let head = 0;

function deliver(parcel) {
  queue.push(parcel);
  dispatch();
}

function takeNext() {
  const parcel = queue[head++];
  if (head > 1024 && head * 2 > queue.length) {
    queue.splice(0, head);
    head = 0;
  }
  return parcel;
}

function dispatch() {
  // Each one is looked at once: those that no session can take go to the end.
  for (let left = queue.length - head; left > 0; left--) {
    const able = peers.filter((p) => p.receiver && p.sent.size < config.deliverWindow);
    if (able.length === 0) return;
    const parcel = takeNext();
    const fitting = able.filter((p) => !parcel.systemId || p.systemId === parcel.systemId);
    if (fitting.length === 0) {
      queue.push(parcel);
      continue;
    }
    send(fitting[turn++ % fitting.length], parcel);
  }
}

function send(peer, parcel) {
  parcel.tries++;
  count[parcel.kind === 'receipt' ? 'receipts' : 'mo']++;
  const pdu = new smpp.PDU('deliver_sm', Object.assign({}, parcel.pdu));
  const sequence = (peer.session.sequence = (peer.session.sequence % 0x7FFFFFFF) + 1);
  pdu.sequence_number = sequence;
  peer.sent.set(sequence, parcel);
  const event = { event: 'deliver', bind: peer.id, sequence };
  log(Object.assign(event, describe(parcel)));
  const timer = setTimeout(() => {
    if (peer.sent.get(sequence) !== parcel) return;
    peer.sent.delete(sequence);
    ended(peer, parcel, { acked: false, reason: 'timeout' });
    again(parcel);
  }, config.deliverTimeout);
  peer.session.send(pdu, (resp) => {
    clearTimeout(timer);
    if (peer.sent.get(sequence) !== parcel) return;
    peer.sent.delete(sequence);
    ended(peer, parcel, { acked: resp.command_status === 0, status: resp.command_status });
    if (resp.command_status !== 0) {
      again(parcel);
      return;
    }
    count[parcel.kind === 'receipt' ? 'receiptsAcked' : 'moAcked']++;
    count.pending--;
    dispatch();
  });
}

function again(parcel) {
  count.retried++;
  setTimeout(() => deliver(parcel), config.retryDelay);
}

function describe(parcel) {
  const d = { kind: parcel.kind, try: parcel.tries };
  if (parcel.kind === 'receipt') return Object.assign(d, { message_id: parcel.message_id, stat: parcel.stat });
  return Object.assign(d, {
    from: parcel.pdu.source_addr, to: parcel.pdu.destination_addr, ref: parcel.ref, part: parcel.part, total: parcel.total,
  });
}

function ended(peer, parcel, end) {
  log(Object.assign({ event: 'end', bind: peer.id }, describe(parcel), end));
}

// --- commands

let nextRef = 0;

// parts makes the deliver_sm of one message, with an 8-bit reference where it needs more than one.
function parts(message) {
  const gsm = smpp.encodings.ASCII.match(message.text);
  const encoded = gsm ? smpp.encodings.ASCII.encode(message.text) : smpp.encodings.UCS2.encode(message.text);
  const [single, most] = gsm ? [160, 153] : [140, 134];
  const cuts = [];
  if (encoded.length <= single) {
    cuts.push(encoded);
  } else {
    for (let at = 0; at < encoded.length;) {
      let end = Math.min(at + most, encoded.length);
      if (end < encoded.length && gsm && encoded[end - 1] === 0x1b) end--; // not between an escape and its character
      if (end < encoded.length && !gsm && (encoded[end - 2] & 0xfc) === 0xd8) end -= 2; // nor inside a surrogate pair
      cuts.push(encoded.slice(at, end));
      at = end;
    }
  }
  const ref = nextRef++ & 0xff;
  return cuts.map((cut, i) => ({
    kind: 'mo', systemId: message.system_id || '', tries: 0, ref, part: i + 1, total: cuts.length,
    pdu: {
      source_addr_ton: 1, source_addr_npi: 1, source_addr: message.from, destination_addr: message.to,
      data_coding: gsm ? 0 : 8, esm_class: cuts.length > 1 ? 0x40 : 0,
      short_message: cuts.length > 1 ? Buffer.concat([Buffer.from([5, 0, 3, ref, cuts.length, i + 1]), cut]) : cut,
    },
  }));
}

function shuffle(list) {
  for (let i = list.length - 1; i > 0; i--) {
    rng = (Math.imul(rng, 1103515245) + 12345) & 0x7fffffff;
    const j = rng % (i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
}

const commands = {
  // mo sends messages; their parts in random order among each other with shuffle.
  mo({ messages, shuffle: mixed }) {
    const parcels = messages.flatMap(parts);
    if (mixed) shuffle(parcels);
    count.pending += parcels.length;
    for (const parcel of parcels) queue.push(parcel);
    dispatch();
    return { parts: parcels.length };
  },
  stats: () => ({ stats: count }),
  // outbind connects to an ESME, which may bind on that connection as on one that it made.
  outbind({ host, port, system_id: systemId, password }) {
    const session = smpp.connect({ host, port });
    serve(session);
    session.on('connect', () => session.outbind({ system_id: systemId, password }));
    return {};
  },
  // drop closes every session without a word.
  drop() {
    const n = peers.length;
    for (const peer of [...peers]) peer.session.destroy();
    return { sessions: n };
  },
  flush() {
    flush();
    return {};
  },
};

const input = readline.createInterface({ input: process.stdin });
input.on('line', (line) => {
  let reply;
  try {
    const command = JSON.parse(line);
    reply = Object.assign({ ok: true }, commands[command.op](command));
  } catch (e) {
    reply = { error: String(e) };
  }
  process.stdout.write(JSON.stringify(reply) + '\n');
});
input.on('close', () => {
  flush();
  process.exit(0);
});

server.listen(config.port, config.host, () => {
  process.stdout.write(JSON.stringify({ port: server.address().port }) + '\n');
});
