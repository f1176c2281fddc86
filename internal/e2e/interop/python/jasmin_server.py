"""An SMSC on smpp.twisted3 and smpp.pdu3, the SMPP server protocol of Jasmin: ids are UUIDs, as Jasmin gives them, and
receipts have the text and the TLVs that Jasmin sends.

It says what it sees in a JSON object a line on stdout and takes commands, words a line, on stdin, whose end is its own.
"""

import datetime
import json
import sys
import uuid

from smpp.pdu.operations import DeliverSM
from smpp.pdu.pdu_encoding import DataCodingEncoder, EsmClassEncoder
from smpp.pdu.pdu_types import (
    AddrNpi, AddrTon, CommandStatus, DataCoding, DataCodingScheme, MessageState, RegisteredDelivery,
    RegisteredDeliveryReceipt, PriorityFlag, ReplaceIfPresentFlag)
from smpp.twisted.config import SMPPServerConfig
from smpp.twisted.protocol import DataHandlerResponse
from smpp.twisted.server import SMPPServerFactory
from twisted.cred import error
from twisted.internet import reactor, stdio
from twisted.protocols.basic import LineReceiver

STATES = {'DELIVRD': MessageState.DELIVERED, 'UNDELIV': MessageState.UNDELIVERABLE}


def say(event, **fields):
    fields = {name: v.hex() if isinstance(v, bytes) else v for name, v in fields.items() if v is not None}
    print(json.dumps({'event': event, **fields}), flush=True)


def end_of(number):
    """How a message to this number ends; None: it is refused."""
    return None if number.endswith('9999') else 'UNDELIV' if number.endswith('77') else 'DELIVRD'


class Portal:
    def login(self, credentials, _mind, iface):
        if credentials.password != 'secret':
            raise error.UnauthorizedLogin()
        say('bind', system_id=credentials.username)
        return iface, credentials.username, lambda: None


def submitted(system_id, smpp, pdu):
    p = pdu.params
    to = p['destination_addr'].decode()
    end = end_of(to)
    message_id = '' if end is None else str(uuid.uuid4())
    sar = None
    if 'sar_msg_ref_num' in p:
        sar = '%d,%d,%d' % (p['sar_msg_ref_num'], p['sar_total_segments'], p['sar_segment_seqnum'])
    receipt = p['registered_delivery'].receipt == RegisteredDeliveryReceipt.SMSC_DELIVERY_RECEIPT_REQUESTED
    say('submit', system_id=system_id, to=to, message_id=message_id, sar=sar, registered_delivery=int(receipt),
        esm_class=EsmClassEncoder().encode(p['esm_class'])[0], data_coding=DataCodingEncoder()._encodeAsInt(p['data_coding']),
        body=p['short_message'], payload=p.get('message_payload'), **{'from': p['source_addr'].decode()})
    if end is None:
        return CommandStatus.ESME_RINVDSTADR
    if receipt:
        # The response goes out when this returns; that the receipt may overtake it is as in life.
        reactor.callLater(0.02, deliver_receipt, smpp, p, message_id, end)
    return DataHandlerResponse(CommandStatus.ESME_ROK, message_id=message_id)


def deliver_receipt(smpp, p, message_id, end):
    now = datetime.datetime.now(datetime.timezone.utc).strftime('%y%m%d%H%M')
    text = 'id:%s submit date:%s done date:%s stat:%s err:%s' % (message_id, now, now, end, '000' if end == 'DELIVRD' else '011')
    send(smpp, 'receipt', dict(message_id=message_id, stat=end), source_addr=p['destination_addr'], destination_addr=p['source_addr'],
         esm_class=4, data_coding=0, short_message=text.encode(), receipted_message_id=message_id, message_state=STATES[end])


def send(smpp, event, fields, esm_class, data_coding, **params):
    pdu = DeliverSM(
        service_type='', source_addr_ton=AddrTon.INTERNATIONAL, source_addr_npi=AddrNpi.ISDN, dest_addr_ton=AddrTon.UNKNOWN,
        dest_addr_npi=AddrNpi.UNKNOWN, esm_class=EsmClassEncoder()._decode(bytes([esm_class])), protocol_id=0,
        priority_flag=PriorityFlag.LEVEL_0, registered_delivery=RegisteredDelivery(RegisteredDeliveryReceipt.NO_SMSC_DELIVERY_RECEIPT_REQUESTED),
        replace_if_present_flag=ReplaceIfPresentFlag.DO_NOT_REPLACE, sm_default_msg_id=0,
        data_coding=DataCoding(DataCodingScheme.RAW, data_coding), **params)
    d = smpp.sendDataRequest(pdu)
    d.addCallbacks(lambda _: say(event, **fields), lambda failure: say('error', text=str(failure)))


class Commands(LineReceiver):
    delimiter = b'\n'
    MAX_LENGTH = 1 << 20

    def __init__(self, factory):
        self.factory = factory

    def lineReceived(self, line):
        """mo SYSTEM_ID NUMBER FROM TO ESM_CLASS DATA_CODING BODY SAR PAYLOAD"""
        _, system_id, number, source, destination, esm_class, data_coding, body, sar, payload = line.decode().split(' ')
        params = {'short_message': b'' if body == '-' else bytes.fromhex(body)}
        if sar != '-':
            names = ('sar_msg_ref_num', 'sar_total_segments', 'sar_segment_seqnum')
            params.update(zip(names, map(int, sar.split(','))))
        if payload != '-':
            params['message_payload'] = bytes.fromhex(payload)
        binds = self.factory.getBoundConnections(system_id)
        send(binds.getNextBindingForDelivery(), 'mo', dict(number=int(number)), int(esm_class), int(data_coding),
             source_addr=source, destination_addr=destination, **params)

    def connectionLost(self, reason):
        reactor.stop()


def main():
    systems = {name: {'max_bindings': 5} for name in sys.argv[1:]}
    factory = SMPPServerFactory(SMPPServerConfig(systems=systems, msgHandler=submitted), Portal())
    port = reactor.listenTCP(0, factory, interface='127.0.0.1')
    stdio.StandardIO(Commands(factory))
    say('listening', port=port.getHost().port)
    reactor.run()


main()
