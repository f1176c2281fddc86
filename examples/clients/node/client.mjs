// Sends one message, checked against the record schema, and follows it to its result and its receipts.
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import {
  compatibilityPartitioner, Consumer, MessagesStreamFallbackModes, MessagesStreamModes,
  ProduceAcks, Producer, stringDeserializers, stringSerializers
} from '@platformatic/kafka'
import Ajv from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

// The library calls Promise.withResolvers, which Node has from 22 on: without Node 20 this can go.
Promise.withResolvers ??= () => {
  let resolve, reject
  const promise = new Promise((...both) => { [resolve, reject] = both })
  return { promise, resolve, reject }
}

const schemaFile = 'schemas/jsonschema/outbound.schema.json'
const bootstrapBrokers = (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(',')

async function main () {
  const [to, text] = process.argv.length === 4 ? process.argv.slice(2) : ['+491761000003', 'Hello from Node.']
  const message = { id: `node-${randomUUID()}`, to, text, receipts: 'final' }
  const ajv = new Ajv()
  addFormats(ajv)
  const valid = ajv.compile(JSON.parse(await readFile(schemaFile, 'utf8')))
  if (!valid(message)) throw new Error(ajv.errorsText(valid.errors, { dataVar: 'record' }))
  await send(message)
  await follow(message.id)
}

async function send (message) {
  const producer = new Producer({
    clientId: 'sms-client',
    bootstrapBrokers,
    serializers: stringSerializers,
    idempotent: true, // a retry writes nothing twice
    acks: ProduceAcks.ALL,
    partitioner: compatibilityPartitioner // the same partition for a key as Java's client has; the default is another
  })
  try {
    // The key is the recipient's number: results and receipts carry it on, and one person's messages stay in order.
    const { offsets: [at] } = await producer.send({
      messages: [{ topic: 'sms.outbound', key: message.to.replace(/^\+/, ''), value: JSON.stringify(message) }]
    })
    console.log(`${message.id} is at sms.outbound, partition ${at.partition}, offset ${at.offset}`)
  } finally {
    await producer.close()
  }
}

// Reads results and receipts until this message's are there. What has been dealt with is committed after it has been dealt
// with: after a crash it is read again, so that whatever is done here should bear being done twice (by id).
async function follow (id) {
  const consumer = new Consumer({
    clientId: 'sms-client',
    groupId: 'sms-client-node',
    bootstrapBrokers,
    deserializers: stringDeserializers,
    isolationLevel: 'READ_COMMITTED' // results are written in transactions
  })
  try {
    const stream = await consumer.consume({
      topics: ['sms.results', 'sms.receipts'],
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode: MessagesStreamFallbackModes.EARLIEST, // of a group that is new
      autocommit: false
    })
    const timer = setTimeout(() => stream.destroy(new Error('not all came within two minutes')), 120_000)
    let awaited // parts whose final receipt is to come: not known before the result
    const got = new Set()
    let handled = 0
    try {
      for await (const record of stream) {
        const value = JSON.parse(record.value)
        if (value.id === id && record.topic === 'sms.results') {
          if (value.status !== 'accepted') throw new Error(`${value.status}: ${value.error}`)
          awaited = value.parts.length
          console.log(`result: ${value.status}, message_id ${value.parts[0].message_id}`)
        } else if (value.id === id && value.final) {
          got.add(value.part)
          console.log(`receipt: part ${value.part} is ${value.state}`)
        }
        if (++handled % 100 === 0 || value.id === id) await record.commit()
        if (got.size === awaited) break
      }
    } finally {
      clearTimeout(timer)
    }
  } finally {
    await consumer.close(true)
  }
}

try {
  await main()
} catch (error) {
  console.error('client:', error.message)
  process.exitCode = 1
}
