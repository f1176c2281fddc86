import com.cloudhopper.commons.charset.Charset;
import com.cloudhopper.commons.charset.CharsetUtil;
import com.cloudhopper.smpp.SmppConstants;
import com.cloudhopper.smpp.SmppServerConfiguration;
import com.cloudhopper.smpp.SmppServerHandler;
import com.cloudhopper.smpp.SmppServerSession;
import com.cloudhopper.smpp.SmppSessionConfiguration;
import com.cloudhopper.smpp.impl.DefaultSmppServer;
import com.cloudhopper.smpp.impl.DefaultSmppSessionHandler;
import com.cloudhopper.smpp.pdu.BaseBind;
import com.cloudhopper.smpp.pdu.BaseBindResp;
import com.cloudhopper.smpp.pdu.DeliverSm;
import com.cloudhopper.smpp.pdu.PduRequest;
import com.cloudhopper.smpp.pdu.PduResponse;
import com.cloudhopper.smpp.pdu.SubmitSm;
import com.cloudhopper.smpp.pdu.SubmitSmResp;
import com.cloudhopper.smpp.tlv.Tlv;
import com.cloudhopper.smpp.tlv.TlvConvertException;
import com.cloudhopper.smpp.type.Address;
import com.cloudhopper.smpp.type.SmppChannelException;
import com.cloudhopper.smpp.type.SmppProcessingException;
import com.cloudhopper.smpp.util.DeliveryReceipt;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.joda.time.DateTime;

/** An SMSC on Cloudhopper's ch-smpp: decimal ids, the receipt by text and TLVs, and texts as its charsets read them. */
public final class CloudhopperServer implements SmppServerHandler {
	private final Map<String, SmppServerSession> bound = new ConcurrentHashMap<>();
	private final AtomicLong lastId = new AtomicLong(System.nanoTime());
	private final ScheduledExecutorService outgoing = Executors.newScheduledThreadPool(8);

	public static void main(String[] args) throws Exception {
		CloudhopperServer handler = new CloudhopperServer();
		Lines.say("listening", "port", handler.listen());
		Lines.read(words -> handler.outgoing.execute(() -> handler.deliver(words)));
		System.exit(0);
	}

	/** The library does not tell which port it was given, so one that is free is looked for; another process may be faster. */
	private int listen() throws Exception {
		for (int tries = 1;; tries++) {
			SmppServerConfiguration c = new SmppServerConfiguration();
			try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
				c.setPort(free.getLocalPort());
			}
			c.setHost("127.0.0.1");
			c.setSystemId("cloudhopper");
			c.setDefaultWindowSize(50);
			try {
				new DefaultSmppServer(c, this).start();
				return c.getPort();
			} catch (SmppChannelException e) {
				if (tries == 5) {
					throw e;
				}
			}
		}
	}

	@Override
	public void sessionBindRequested(Long id, SmppSessionConfiguration c, BaseBind bind) throws SmppProcessingException {
		if (!bind.getPassword().equals("secret")) {
			throw new SmppProcessingException(SmppConstants.STATUS_INVPASWD);
		}
	}

	@Override
	public void sessionCreated(Long id, SmppServerSession session, BaseBindResp response) {
		session.serverReady(new Handler(session));
		String name = session.getConfiguration().getSystemId();
		bound.put(name, session);
		Lines.say("bind", "system_id", name);
	}

	@Override
	public void sessionDestroyed(Long id, SmppServerSession session) {
		session.destroy();
	}

	private final class Handler extends DefaultSmppSessionHandler {
		private final SmppServerSession session;

		Handler(SmppServerSession session) {
			this.session = session;
		}

		@Override
		public PduResponse firePduRequestReceived(PduRequest request) {
			PduResponse response = request.createResponse();
			if (!(request instanceof SubmitSm m)) {
				return response;
			}
			String end = Lines.end(m.getDestAddress().getAddress());
			String id = end == null ? "" : Long.toString(lastId.incrementAndGet());
			heard(m, id);
			if (end == null) {
				response.setCommandStatus(SmppConstants.STATUS_INVDSTADR);
				return response;
			}
			((SubmitSmResp) response).setMessageId(id);
			if ((m.getRegisteredDelivery() & 3) == 1) {
				// The library sends the response once this returns; that the receipt may overtake it is as in life.
				outgoing.schedule(() -> receipt(m, id, end), 20, TimeUnit.MILLISECONDS);
			}
			return response;
		}

		private void heard(SubmitSm m, String id) {
			Tlv payload = m.getOptionalParameter(SmppConstants.TAG_MESSAGE_PAYLOAD);
			String sar = null;
			try {
				if (m.hasOptionalParameter(SmppConstants.TAG_SAR_MSG_REF_NUM)) {
					sar = m.getOptionalParameter(SmppConstants.TAG_SAR_MSG_REF_NUM).getValueAsUnsignedShort() + ","
						+ m.getOptionalParameter(SmppConstants.TAG_SAR_TOTAL_SEGMENTS).getValueAsUnsignedByte() + ","
						+ m.getOptionalParameter(SmppConstants.TAG_SAR_SEGMENT_SEQNUM).getValueAsUnsignedByte();
				}
			} catch (TlvConvertException e) {
				Lines.say("error", "text", e.toString());
			}
			byte[] whole = payload != null ? payload.getValue() : m.getShortMessage();
			Charset charset = switch (m.getDataCoding()) {
				case 0 -> CharsetUtil.CHARSET_GSM;
				case 3 -> CharsetUtil.CHARSET_ISO_8859_1;
				case 8 -> CharsetUtil.CHARSET_UCS_2;
				default -> null;
			};
			Lines.say("submit", "system_id", session.getConfiguration().getSystemId(), "from", m.getSourceAddress().getAddress(),
				"to", m.getDestAddress().getAddress(), "message_id", id, "esm_class", m.getEsmClass() & 0xff, "data_coding", m.getDataCoding() & 0xff,
				"registered_delivery", m.getRegisteredDelivery(), "body", m.getShortMessage(), "payload", payload == null ? null : payload.getValue(),
				"sar", sar, "text", charset == null ? null : CharsetUtil.decode(Lines.withoutHeader(whole, m.getEsmClass()), charset));
		}

		private void receipt(SubmitSm m, String id, String end) {
			byte state = DeliveryReceipt.toState(end);
			boolean arrived = end.equals("DELIVRD");
			DeliveryReceipt text = new DeliveryReceipt(id, 1, arrived ? 1 : 0, new DateTime(), new DateTime(), state, arrived ? 0 : 11, "");
			try {
				DeliverSm d = new DeliverSm();
				d.setEsmClass(SmppConstants.ESM_CLASS_MT_SMSC_DELIVERY_RECEIPT);
				d.setSourceAddress(m.getDestAddress());
				d.setDestAddress(m.getSourceAddress());
				d.setShortMessage(text.toShortMessage().getBytes(StandardCharsets.ISO_8859_1));
				d.addOptionalParameter(new Tlv(SmppConstants.TAG_RECEIPTED_MSG_ID, (id + "\0").getBytes(StandardCharsets.ISO_8859_1)));
				d.addOptionalParameter(new Tlv(SmppConstants.TAG_MSG_STATE, new byte[] {state}));
				send(session, d);
				Lines.say("receipt", "message_id", id, "stat", end);
			} catch (Exception e) {
				Lines.say("error", "text", e.toString());
			}
		}
	}

	private static void send(SmppServerSession session, DeliverSm d) throws Exception {
		var future = session.sendRequestPdu(d, 30000, true);
		if (!future.await(30000) || !future.isSuccess() || future.getResponse().getCommandStatus() != 0) {
			throw new IllegalStateException("deliver_sm was answered with " + future.getResponse());
		}
	}

	/** mo SYSTEM_ID NUMBER FROM TO ESM_CLASS DATA_CODING BODY SAR PAYLOAD */
	private void deliver(String[] w) {
		try {
			DeliverSm d = new DeliverSm();
			d.setSourceAddress(new Address((byte) 1, (byte) 1, w[3]));
			d.setDestAddress(new Address((byte) 0, (byte) 0, w[4]));
			d.setEsmClass((byte) Integer.parseInt(w[5]));
			d.setDataCoding((byte) Integer.parseInt(w[6]));
			byte[] body = Lines.octets(w[7]);
			if (body != null) {
				d.setShortMessage(body);
			}
			int[] sar = Lines.sar(w[8]);
			if (sar != null) {
				d.addOptionalParameter(new Tlv(SmppConstants.TAG_SAR_MSG_REF_NUM, ByteBuffer.allocate(2).putShort((short) sar[0]).array()));
				d.addOptionalParameter(new Tlv(SmppConstants.TAG_SAR_TOTAL_SEGMENTS, new byte[] {(byte) sar[1]}));
				d.addOptionalParameter(new Tlv(SmppConstants.TAG_SAR_SEGMENT_SEQNUM, new byte[] {(byte) sar[2]}));
			}
			byte[] payload = Lines.octets(w[9]);
			if (payload != null) {
				d.addOptionalParameter(new Tlv(SmppConstants.TAG_MESSAGE_PAYLOAD, payload));
			}
			send(bound.get(w[1]), d);
			Lines.say("mo", "number", Integer.parseInt(w[2]));
		} catch (Exception e) {
			Lines.say("error", "text", e.toString());
		}
	}
}
