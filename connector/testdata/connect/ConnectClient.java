import java.util.TreeSet;
import org.sourcelab.kafka.connect.apiclient.Configuration;
import org.sourcelab.kafka.connect.apiclient.KafkaConnectClient;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorPlugin;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorPluginConfigDefinition;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorStatus;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorsWithExpandedMetadata;

/** Asks for all that AKHQ asks for, steers the sink, and prints what it understood, a line each. */
public final class ConnectClient {
    public static void main(String[] args) throws Exception {
        KafkaConnectClient c = new KafkaConnectClient(new Configuration(args[0]));
        System.out.println("version " + c.getConnectServerVersion().getVersion());
        System.out.println("connectors " + new TreeSet<>(c.getConnectors()));
        ConnectorsWithExpandedMetadata all = c.getConnectorsWithAllExpandedMetadata();
        for (String name : new TreeSet<>(all.getConnectorNames())) {
            ConnectorStatus status = all.getStatusForConnector(name);
            System.out.printf("%s %s %s tasks %d class %s topics %s%n", name, status.getType(), status.getConnector().get("state"), status.getTasks().size(),
                    all.getDefinitionForConnector(name).getConfig().get("connector.class"), c.getConnectorTopics(name) == null ? "none" : "some");
        }
        String sink = "smpp-sink";
        System.out.println("config " + c.getConnectorConfig(sink).get("smsc.0.window"));
        System.out.println("task 0 " + c.getConnectorTaskStatus(sink, 0).getState());
        for (ConnectorPlugin plugin : c.getConnectorPlugins()) {
            int errors = c.validateConnectorPluginConfig(ConnectorPluginConfigDefinition.newBuilder().withName(plugin.getClassName())
                    .withConfig("connector.class", plugin.getClassName()).withConfig("smsc.0.window", "many").build()).getErrorCount();
            System.out.println("plugin " + plugin.getClassName() + " " + plugin.getType() + (errors > 0 ? " refuses nonsense" : ""));
        }
        c.pauseConnector(sink);
        await(c, sink, "PAUSED");
        c.resumeConnector(sink);
        await(c, sink, "RUNNING");
        System.out.println("restarted " + c.restartConnector(sink));
        try {
            c.deleteConnector(sink);
        } catch (RuntimeException e) {
            System.out.println("not deleted: " + e.getMessage());
        }
    }

    private static void await(KafkaConnectClient c, String name, String state) throws InterruptedException {
        for (int i = 0; i < 600; i++) {
            if (c.getConnectorStatus(name).getConnector().get("state").equals(state)) {
                System.out.println("now " + state);
                return;
            }
            Thread.sleep(100);
        }
        throw new IllegalStateException(name + " did not become " + state);
    }
}
