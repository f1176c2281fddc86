import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.Error;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Sends one message, checked against the record schema, and follows it to its result and its receipts. */
public final class Client {
    private static final Path SCHEMA = Path.of("schemas/jsonschema/outbound.schema.json");
    private static final String BROKERS = System.getenv().getOrDefault("KAFKA_BROKERS", "127.0.0.1:9092");
    private static final ObjectMapper JSON = new ObjectMapper();

    /** What the connector reads from sms.outbound; the schema has all of its fields. */
    record Outbound(String id, String to, String text, String receipts) {}

    /** What came of it otherwise than it should. */
    private static final class Refused extends Exception {
        Refused(String message) {
            super(message);
        }
    }

    public static void main(String[] args) {
        Outbound message = new Outbound("java-" + UUID.randomUUID(), args.length == 2 ? args[0] : "+491761000004", args.length == 2 ? args[1] : "Hello from Java.", "final");
        try {
            send(message);
            follow(message.id());
        } catch (Refused | KafkaException | ExecutionException | IOException e) {
            System.err.println("client: " + e.getMessage());
            System.exit(1);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static String encode(Outbound message) throws IOException, Refused {
        Schema schema = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12).getSchema(Files.readString(SCHEMA));
        JsonNode document = JSON.valueToTree(message);
        List<Error> errors = schema.validate(document);
        if (!errors.isEmpty()) {
            throw new Refused(errors.toString());
        }
        return JSON.writeValueAsString(document);
    }

    private static void send(Outbound message) throws IOException, Refused, ExecutionException, InterruptedException {
        // Idempotence and acks=all are the client's defaults: a retry writes nothing twice.
        Map<String, Object> config = Map.of(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, BROKERS,
                ProducerConfig.MAX_BLOCK_MS_CONFIG, 30_000, ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, 30_000, ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, 10_000);
        // The key is the recipient's number: results and receipts carry it on, and one person's messages stay in order.
        String key = message.to().replaceFirst("^\\+", "");
        ProducerRecord<String, String> record = new ProducerRecord<>("sms.outbound", key, encode(message));
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            RecordMetadata at = producer.send(record).get();
            System.out.printf("%s is at sms.outbound, partition %d, offset %d%n", message.id(), at.partition(), at.offset());
        }
    }

    /**
     * Reads results and receipts until this message's are there. What has been dealt with is committed after it has been dealt with: after a
     * crash it is read again, so that whatever is done here should bear being done twice (by id).
     */
    private static void follow(String id) throws IOException, Refused {
        Map<String, Object> config = Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, BROKERS, ConsumerConfig.GROUP_ID_CONFIG, "sms-client-java",
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest", // of a group that is new
                ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed", // results are written in transactions
                ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of("sms.results", "sms.receipts"));
            int awaited = -1; // parts whose final receipt is to come; not known before the result
            Set<Integer> got = new HashSet<>();
            long end = System.nanoTime() + Duration.ofMinutes(2).toNanos();
            while (awaited < 0 || got.size() < awaited) {
                if (System.nanoTime() > end) {
                    throw new Refused("not all came within two minutes");
                }
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(500))) {
                    JsonNode value = JSON.readTree(record.value());
                    if (!value.path("id").asText().equals(id)) {
                        continue;
                    }
                    if (record.topic().equals("sms.results")) {
                        String status = value.path("status").asText();
                        if (!status.equals("accepted")) {
                            throw new Refused(status + ": " + value.path("error").asText());
                        }
                        awaited = value.path("parts").size();
                        System.out.printf("result: %s, message_id %s%n", status, value.at("/parts/0/message_id").asText());
                    } else if (value.path("final").asBoolean()) {
                        got.add(value.path("part").asInt());
                        System.out.printf("receipt: part %d is %s%n", value.path("part").asInt(), value.path("state").asText());
                    }
                }
                consumer.commitSync();
            }
        }
    }
}
