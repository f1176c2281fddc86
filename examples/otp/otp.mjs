// One-time passwords overtake a newsletter: priority 3 goes before 0, and a code that is of no use any more is not sent.
//
// Writes a newsletter, and codes while it is on its way; then compares how long each waited, from the record's time in
// sms.outbound to the carrier's answer, as the results say.
import { randomInt, randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import {
  compatibilityPartitioner, Consumer, MessagesStreamModes, ProduceAcks,
  Producer, stringDeserializers, stringSerializers
} from '@platformatic/kafka'

// The library calls Promise.withResolvers, which Node has from 22 on: without Node 20 this can go.
Promise.withResolvers ??= () => {
  let resolve, reject
  const promise = new Promise((...both) => { [resolve, reject] = both })
  return { promise, resolve, reject }
}

const { values: options } = parseArgs({
  options: {
    newsletter: { type: 'string', default: '4000' },
    codes: { type: 'string', default: '20' },
    wait: { type: 'string', default: '120' } // seconds
  }
})
const bootstrapBrokers = (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(',')
const run = randomUUID().slice(0, 8) // this run, in ids and metadata

const newsletter = n => record(`1202${6000001 + n}`, {
  id: `news-${run}-${n}`,
  text: 'Our newsletter: tulips are in, and the greenhouse opens on Sundays.',
  priority: 0,
  receipts: 'none',
  validity: '24h',
  metadata: { run, kind: 'newsletter' }
})

const code = n => record(`1202${5000001 + n}`, {
  id: `otp-${run}-${n}`,
  text: `Your code is ${randomInt(100_000, 1_000_000)}. Never share it.`,
  priority: 3,
  receipts: 'none',
  // Both: the connector does not submit it later than this, and the carrier does not keep trying for longer.
  expires_at: new Date(Date.now() + 120_000).toISOString(),
  validity: '2m',
  metadata: { run, kind: 'code' }
})

// The key is the recipient's number: results carry it on, and one person's messages stay in one partition.
function record (number, message) {
  return { topic: 'sms.outbound', key: number, value: JSON.stringify({ to: '+' + number, ...message }) }
}

async function main () {
  const total = Number(options.newsletter) + Number(options.codes)
  const consumer = new Consumer({
    clientId: 'otp-results', groupId: `otp-${run}`, bootstrapBrokers, deserializers: stringDeserializers, isolationLevel: 'READ_COMMITTED'
  })
  const producer = new Producer({
    clientId: 'otp', bootstrapBrokers, serializers: stringSerializers, idempotent: true, acks: ProduceAcks.ALL,
    partitioner: compatibilityPartitioner // the same partition for a key as Java's client has; the default is another
  })
  try {
    // At the end before the first record is written, so that no result is missed.
    const results = await consumer.consume({ topics: ['sms.results'], mode: MessagesStreamModes.LATEST, autocommit: false })
    const waits = collect(results, total, Number(options.wait) * 1000)
    await produce(producer)
    print(await waits)
  } finally {
    await producer.close()
    await consumer.close(true)
  }
}

async function produce (producer) {
  const size = 500
  const codesLeft = Number(options.codes)
  let codes = 0
  for (let n = 0; n < Number(options.newsletter); n += size) {
    const messages = []
    for (let i = n; i < Math.min(n + size, Number(options.newsletter)); i++) messages.push(newsletter(i))
    await producer.send({ messages })
  }
  while (codes < codesLeft) await producer.send({ messages: [code(codes++)] }) // each at once, as its customer waits for it
}

// collect resolves with the waits in milliseconds by kind, once all results of this run are there.
async function collect (stream, total, limit) {
  const waits = { newsletter: new Map(), code: new Map() } // by id: a result that is read twice counts once
  const timer = setTimeout(() => stream.destroy(new Error(`not all results came within ${limit / 1000} s: ${waits.newsletter.size + waits.code.size} of ${total}`)), limit)
  try {
    for await (const { value } of stream) {
      const result = JSON.parse(value)
      if (result.metadata?.run !== run) continue
      if (result.status !== 'accepted') console.error(`${result.id}: ${result.status}: ${result.error}`)
      const end = Date.parse(result.answered_at ?? result.received_at)
      waits[result.metadata.kind].set(result.id, end - Date.parse(result.source.timestamp))
      if (waits.newsletter.size + waits.code.size === total) break
    }
  } finally {
    clearTimeout(timer)
  }
  return waits
}

function print (waits) {
  for (const [kind, byID] of Object.entries(waits)) {
    const sorted = [...byID.values()].sort((a, b) => a - b)
    const at = q => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]
    console.log(`${kind.padEnd(10)} ${String(sorted.length).padStart(6)} sent   waited ${at(0.5)} ms (p50), ${at(0.99)} ms (p99)`)
  }
}

try {
  await main()
} catch (error) {
  console.error('otp:', error.message)
  process.exitCode = 1
}
