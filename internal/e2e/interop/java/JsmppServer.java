import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.util.Date;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import org.jsmpp.SMPPConstant;
import org.jsmpp.bean.*;
import org.jsmpp.extra.ProcessRequestException;
import org.jsmpp.session.*;
import org.jsmpp.session.connection.ServerConnection;
import org.jsmpp.session.connection.ServerConnectionFactory;
import org.jsmpp.session.connection.socket.ServerSocketConnection;
import org.jsmpp.util.DeliveryReceiptState;
import org.jsmpp.util.MessageId;

/** An SMSC on jSMPP: ids hexadecimal in the response and decimal in the receipt, whose text is that of jSMPP's DeliveryReceipt. */
public final class JsmppServer extends ServerResponseDeliveryAdapter implements ServerMessageReceiverListener {
	private static final TypeOfNumber INTERNATIONAL = TypeOfNumber.INTERNATIONAL;
	private static final NumberingPlanIndicator ISDN = NumberingPlanIndicator.ISDN;

	private final Map<String, SMPPServerSession> bound = new ConcurrentHashMap<>();
	private final Map<SMPPServerSession, String> names = new ConcurrentHashMap<>();
	private final Map<String, SubmitSm> accepted = new ConcurrentHashMap<>();
	private final AtomicLong lastId = new AtomicLong(0xA0000000L + System.nanoTime() % 0x10000000L);
	// Of its own: a listener that waited for the answer to its receipt would wait for itself.
	private final ExecutorService outgoing = Executors.newCachedThreadPool();

	public static void main(String[] args) throws Exception {
		JsmppServer server = new JsmppServer();
		ServerSocket socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
		SMPPServerSessionListener listener = new SMPPServerSessionListener(socket.getLocalPort(), new OnLoopback(socket));
		Thread acceptor = new Thread(() -> server.accept(listener));
		acceptor.setDaemon(true);
		acceptor.start();
		Lines.say("listening", "port", socket.getLocalPort());
		Lines.read(words -> server.outgoing.execute(() -> server.deliver(words)));
		System.exit(0);
	}

	/** jSMPP's own factory listens on every address of the machine. */
	private record OnLoopback(ServerSocket socket) implements ServerConnectionFactory {
		@Override
		public ServerConnection listen(int port) throws IOException {
			return new ServerSocketConnection(socket);
		}

		@Override
		public ServerConnection listen(int port, int timeout) throws IOException {
			socket.setSoTimeout(timeout);
			return listen(port);
		}

		@Override
		public ServerConnection listen(int port, int timeout, int backlog) throws IOException {
			return listen(port, timeout);
		}
	}

	private void accept(SMPPServerSessionListener listener) {
		while (true) {
			try {
				SMPPServerSession session = listener.accept();
				session.setMessageReceiverListener(this);
				session.setResponseDeliveryListener(this);
				outgoing.execute(() -> bind(session));
			} catch (java.net.SocketTimeoutException e) {
				continue;
			} catch (IOException e) {
				return;
			}
		}
	}

	private void bind(SMPPServerSession session) {
		try {
			BindRequest request = session.waitForBind(30000);
			if (!request.getPassword().equals("secret")) {
				request.reject(SMPPConstant.STAT_ESME_RINVPASWD);
				return;
			}
			names.put(session, request.getSystemId());
			request.accept("jsmpp");
			bound.put(request.getSystemId(), session);
			Lines.say("bind", "system_id", request.getSystemId());
		} catch (Exception e) {
			Lines.say("error", "text", e.toString());
		}
	}

	@Override
	public SubmitSmResult onAcceptSubmitSm(SubmitSm m, SMPPServerSession session) throws ProcessRequestException {
		String end = Lines.end(m.getDestAddress());
		String id = end == null ? "" : Long.toHexString(lastId.incrementAndGet()).toUpperCase();
		OptionalParameter.Sar_msg_ref_num ref = m.getOptionalParameter(OptionalParameter.Sar_msg_ref_num.class);
		String sar = null;
		if (ref != null) {
			sar = (ref.getValue() & 0xffff) + "," + m.getOptionalParameter(OptionalParameter.Sar_total_segments.class).getValue() + ","
				+ m.getOptionalParameter(OptionalParameter.Sar_segment_seqnum.class).getValue();
		}
		OptionalParameter.Message_payload payload = m.getOptionalParameter(OptionalParameter.Message_payload.class);
		Lines.say("submit", "system_id", names.get(session), "from", m.getSourceAddr(), "to", m.getDestAddress(), "message_id", id,
			"esm_class", m.getEsmClass() & 0xff, "data_coding", m.getDataCoding() & 0xff, "registered_delivery", m.getRegisteredDelivery(),
			"body", m.getShortMessage(), "payload", payload == null ? null : payload.getValue(), "sar", sar);
		if (end == null) {
			throw new ProcessRequestException("no such subscriber", SMPPConstant.STAT_ESME_RINVDSTADR);
		}
		try {
			if (m.isSmscDelReceiptSuccessAndFailureRequested()) {
				accepted.put(id, m);
			}
			return new SubmitSmResult(new MessageId(id), new OptionalParameter[0]);
		} catch (org.jsmpp.PDUStringException e) {
			throw new IllegalStateException(e);
		}
	}

	@Override
	public void onSubmitSmRespSent(SubmitSmResult result, SMPPServerSession session) {
		String id = result.getMessageId();
		SubmitSm m = accepted.remove(id);
		if (m != null) {
			outgoing.execute(() -> receipt(id, m, session));
		}
	}

	private void receipt(String id, SubmitSm m, SMPPServerSession session) {
		DeliveryReceiptState state = DeliveryReceiptState.valueOf(Lines.end(m.getDestAddress()));
		boolean arrived = state == DeliveryReceiptState.DELIVRD;
		DeliveryReceipt text = new DeliveryReceipt(Long.toString(Long.parseLong(id, 16)), 1, arrived ? 1 : 0, new Date(), new Date(), state,
			arrived ? "000" : "011", "");
		try {
			session.deliverShortMessage("", INTERNATIONAL, ISDN, m.getDestAddress(), TypeOfNumber.UNKNOWN, NumberingPlanIndicator.UNKNOWN,
				m.getSourceAddr(), new ESMClass(4), (byte) 0, (byte) 0, new RegisteredDelivery(0), DataCodings.ZERO,
				text.toString().getBytes(StandardCharsets.ISO_8859_1));
			Lines.say("receipt", "message_id", id, "stat", state.name());
		} catch (Exception e) {
			Lines.say("error", "text", e.toString());
		}
	}

	/** mo SYSTEM_ID NUMBER FROM TO ESM_CLASS DATA_CODING BODY SAR PAYLOAD */
	private void deliver(String[] w) {
		try {
			OptionalParameter[] tlvs = {};
			int[] sar = Lines.sar(w[8]);
			byte[] payload = Lines.octets(w[9]);
			if (sar != null) {
				tlvs = new OptionalParameter[] {OptionalParameters.newSarMsgRefNum(sar[0]), OptionalParameters.newSarTotalSegments(sar[1]),
					OptionalParameters.newSarSegmentSeqnum(sar[2])};
			} else if (payload != null) {
				tlvs = new OptionalParameter[] {new OptionalParameter.Message_payload(payload)};
			}
			byte[] body = Lines.octets(w[7]);
			bound.get(w[1]).deliverShortMessage("", INTERNATIONAL, ISDN, w[3], TypeOfNumber.UNKNOWN, NumberingPlanIndicator.UNKNOWN, w[4],
				new ESMClass(Integer.parseInt(w[5])), (byte) 0, (byte) 0, new RegisteredDelivery(0),
				DataCodings.newInstance((byte) Integer.parseInt(w[6])), body == null ? new byte[0] : body, tlvs);
			Lines.say("mo", "number", Integer.parseInt(w[2]));
		} catch (Exception e) {
			Lines.say("error", "text", e.toString());
		}
	}

	private static ProcessRequestException notHere() {
		return new ProcessRequestException("not supported", SMPPConstant.STAT_ESME_RINVCMDID);
	}

	@Override
	public SubmitMultiResult onAcceptSubmitMulti(SubmitMulti m, SMPPServerSession s) throws ProcessRequestException {
		throw notHere();
	}

	@Override
	public QuerySmResult onAcceptQuerySm(QuerySm m, SMPPServerSession s) throws ProcessRequestException {
		throw notHere();
	}

	@Override
	public void onAcceptReplaceSm(ReplaceSm m, SMPPServerSession s) throws ProcessRequestException {
		throw notHere();
	}

	@Override
	public void onAcceptCancelSm(CancelSm m, SMPPServerSession s) throws ProcessRequestException {
		throw notHere();
	}

	@Override
	public BroadcastSmResult onAcceptBroadcastSm(BroadcastSm m, SMPPServerSession s) throws ProcessRequestException {
		throw notHere();
	}

	@Override
	public void onAcceptCancelBroadcastSm(CancelBroadcastSm m, SMPPServerSession s) throws ProcessRequestException {
		throw notHere();
	}

	@Override
	public QueryBroadcastSmResult onAcceptQueryBroadcastSm(QueryBroadcastSm m, SMPPServerSession s) throws ProcessRequestException {
		throw notHere();
	}

	@Override
	public DataSmResult onAcceptDataSm(DataSm m, Session s) throws ProcessRequestException {
		throw notHere();
	}
}
