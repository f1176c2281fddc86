"""Writes an outbound record and reads its result with Confluent's serializers, which are not the connector's.

usage: peer.py BROKERS REGISTRY FORMAT SCHEMAS ID...   (FORMAT: avro or jsonschema)
Topics are FORMAT.outbound and FORMAT.results. Prints each result as a line of JSON.
"""

import json
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

brokers, registry, form, schemas, *ids = sys.argv[1:]
client = SchemaRegistryClient({"url": registry})
common = {"bootstrap.servers": brokers, "enable.metrics.push": False}

if form == "avro":
    serialize = AvroSerializer(client, Path(schemas, "avro/outbound.avsc").read_text())
    deserialize = AvroDeserializer(client)  # by the writer's schema, as the registry has it
else:
    serialize = JSONSerializer(Path(schemas, "jsonschema/outbound.schema.json").read_text(), client)
    deserialize = JSONDeserializer(None, schema_registry_client=client)

producer = Producer({**common, "enable.idempotence": True})
failed = []
topic = form + ".outbound"
for name in ids:
    message = {"id": name, "to": "+491511234567", "text": "Grüße", "metadata": {"by": "confluent-kafka"}}
    value = serialize(message, SerializationContext(topic, MessageField.VALUE))
    producer.produce(topic, key=name, value=value, on_delivery=lambda error, _: error and failed.append(error))
if producer.flush(30) or failed:
    raise KafkaException(failed[0] if failed else "not acknowledged within 30 s")

topic = form + ".results"
consumer = Consumer({**common, "group.id": form, "auto.offset.reset": "earliest", "isolation.level": "read_committed"})
consumer.subscribe([topic])
left, deadline = set(ids), time.monotonic() + 60
while left and time.monotonic() < deadline:
    record = consumer.poll(0.5)
    if record is None:
        continue
    if record.error():
        raise KafkaException(record.error())
    result = deserialize(record.value(), SerializationContext(topic, MessageField.VALUE))
    left.discard(result["id"])
    print(json.dumps(result, default=str))
consumer.close()
if left:
    sys.exit(f"no result within a minute: {left}")
