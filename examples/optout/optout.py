"""Opt-outs: who writes STOP gets nothing more until they write START.

The block list is a compacted topic, sms.optouts: the key is the number, the value says since when, and START deletes it
(a tombstone). `listen` keeps it, as a service; `send` reads it to its end and sends to the rest. Without a command both
are shown: a newsletter, the answers to it, and the next newsletter.
"""

import argparse
import json
import os
import sys
import time
from datetime import datetime, timezone

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BROKERS = os.environ.get("KAFKA_BROKERS", "127.0.0.1:9092")
BLOCKED = "sms.optouts"
COMMON = {"bootstrap.servers": BROKERS, "reconnect.backoff.ms": 1000, "enable.metrics.push": False}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", choices=["listen", "send", "both"], default="both")
    parser.add_argument("--subscribers", type=int, default=50, help="how many people have subscribed")
    parser.add_argument("--seconds", type=float, default=10, help="how long to listen; 0: until Ctrl-C")
    args = parser.parse_args()
    create_topic()
    subscribers = [f"49178{8000000 + n}" for n in range(args.subscribers)]
    if args.command != "listen":
        send("first", subscribers)
    if args.command != "send":
        listen(args.seconds)
    if args.command == "both":
        send("second", subscribers)


def create_topic() -> None:
    """One value a key is kept for good; replication -1 is the brokers' default."""
    topic = NewTopic(BLOCKED, num_partitions=1, replication_factor=-1, config={"cleanup.policy": "compact"})
    admin = AdminClient(COMMON)
    try:
        admin.create_topics([topic], request_timeout=30)[BLOCKED].result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def new_producer() -> Producer:
    return Producer({**COMMON, "enable.idempotence": True, "partitioner": "murmur2_random"})


class Written:
    """Callback for produce() that counts failures, for flush() alone does not tell."""

    def __init__(self, producer: Producer):
        self.producer, self.error = producer, None

    def __call__(self, error, _message) -> None:
        self.error = self.error or error

    def check(self) -> None:
        if self.producer.flush(30):
            raise RuntimeError("Kafka did not acknowledge everything within 30 s")
        if self.error:
            raise KafkaException(self.error)


def send(issue: str, subscribers: list[str]) -> None:
    blocked = block_list()
    producer = new_producer()
    written = Written(producer)
    allowed = [number for number in subscribers if number not in blocked]
    for number in allowed:
        message = {"id": f"news-{issue}-{number}-{int(time.time())}", "to": "+" + number, "receipts": "none", "validity": "6h",
                   "text": f"Our {issue} newsletter: tulips are in. STOP to 32323 ends it.", "metadata": {"newsletter": issue}}
        producer.produce("sms.outbound", key=number, value=json.dumps(message), on_delivery=written)
        producer.poll(0)
    written.check()
    print(f"{issue} newsletter: {len(allowed)} sent, {len(subscribers) - len(allowed)} of {len(subscribers)} subscribers have opted out", flush=True)


def block_list() -> set[str]:
    """All of the compacted topic, read up to where it ends now."""
    consumer = Consumer({**COMMON, "group.id": "optout-reader", "enable.auto.commit": False, "enable.partition.eof": True})
    try:
        partitions = consumer.list_topics(BLOCKED, timeout=30).topics[BLOCKED].partitions
        consumer.assign([TopicPartition(BLOCKED, p, 0) for p in partitions])
        blocked, at_end, deadline = {}, set(), time.monotonic() + 30
        while len(at_end) < len(partitions):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{BLOCKED} could not be read within 30 s: nothing is sent")  # rather than to somebody who said STOP
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                if message.error().code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(message.error())
                at_end.add(message.partition())
            elif message.value() is None:
                blocked.pop(message.key(), None)
            else:
                blocked[message.key()] = message.value()
        return {number.decode() for number in blocked}
    finally:
        consumer.close()


def listen(seconds: float) -> None:
    """The group's offset is committed after the block list has been written: a crash between the two writes the same entry again, and loses none."""
    consumer = Consumer({**COMMON, "group.id": "optout-listener", "enable.auto.commit": False, "isolation.level": "read_committed", "auto.offset.reset": "earliest"})
    producer = new_producer()
    consumer.subscribe(["sms.inbound"])
    stops = set()
    end = time.monotonic() + seconds if seconds else float("inf")
    try:
        while time.monotonic() < end:
            written = Written(producer)
            messages = consumer.consume(num_messages=500, timeout=0.5)
            for message in messages:
                if message.error():
                    raise KafkaException(message.error())
                inbound = json.loads(message.value())
                number, word = inbound["from"].removeprefix("+"), inbound.get("text", "").strip().upper()
                if word == "STOP":
                    since = {"since": datetime.now(timezone.utc).isoformat(timespec="seconds"), "inbound": inbound["id"]}
                    producer.produce(BLOCKED, key=number, value=json.dumps(since), on_delivery=written)
                    stops.add(number)
                elif word == "START":
                    producer.produce(BLOCKED, key=number, value=None, on_delivery=written)
            written.check()
            if messages:
                consumer.commit(asynchronous=False)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()
    print(f"{len(stops)} people wrote STOP", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (KafkaException, RuntimeError) as error:
        sys.exit(f"optout: {error}")
