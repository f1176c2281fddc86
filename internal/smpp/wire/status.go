package wire

import "fmt"

// Values of command_status, SMPP v3.4 §5.1.3. The names are the specification's (ESME_RINVDSTADR is StatusInvDstAdr).
const (
	StatusOK              uint32 = 0x00000000
	StatusInvMsgLen       uint32 = 0x00000001
	StatusInvCmdLen       uint32 = 0x00000002
	StatusInvCmdID        uint32 = 0x00000003
	StatusInvBndSts       uint32 = 0x00000004
	StatusAlyBnd          uint32 = 0x00000005
	StatusInvPrtFlg       uint32 = 0x00000006
	StatusInvRegDlvFlg    uint32 = 0x00000007
	StatusSysErr          uint32 = 0x00000008
	StatusInvSrcAdr       uint32 = 0x0000000A
	StatusInvDstAdr       uint32 = 0x0000000B
	StatusInvMsgID        uint32 = 0x0000000C
	StatusBindFail        uint32 = 0x0000000D
	StatusInvPaswd        uint32 = 0x0000000E
	StatusInvSysID        uint32 = 0x0000000F
	StatusCancelFail      uint32 = 0x00000011
	StatusReplaceFail     uint32 = 0x00000013
	StatusMsgQFul         uint32 = 0x00000014
	StatusInvSerTyp       uint32 = 0x00000015
	StatusInvNumDests     uint32 = 0x00000033
	StatusInvDLName       uint32 = 0x00000034
	StatusInvDestFlag     uint32 = 0x00000040
	StatusInvSubRep       uint32 = 0x00000042
	StatusInvESMClass     uint32 = 0x00000043
	StatusCntSubDL        uint32 = 0x00000044
	StatusSubmitFail      uint32 = 0x00000045
	StatusInvSrcTON       uint32 = 0x00000048
	StatusInvSrcNPI       uint32 = 0x00000049
	StatusInvDstTON       uint32 = 0x00000050
	StatusInvDstNPI       uint32 = 0x00000051
	StatusInvSysTyp       uint32 = 0x00000053
	StatusInvRepFlag      uint32 = 0x00000054
	StatusInvNumMsgs      uint32 = 0x00000055
	StatusThrottled       uint32 = 0x00000058
	StatusInvSched        uint32 = 0x00000061
	StatusInvExpiry       uint32 = 0x00000062
	StatusInvDftMsgID     uint32 = 0x00000063
	StatusXTAppn          uint32 = 0x00000064
	StatusXPAppn          uint32 = 0x00000065
	StatusXRAppn          uint32 = 0x00000066
	StatusQueryFail       uint32 = 0x00000067
	StatusInvOptParStream uint32 = 0x000000C0
	StatusOptParNotAllwd  uint32 = 0x000000C1
	StatusInvParLen       uint32 = 0x000000C2
	StatusMissingOptParam uint32 = 0x000000C3
	StatusInvOptParamVal  uint32 = 0x000000C4
	StatusDeliveryFailure uint32 = 0x000000FE
	StatusUnknownErr      uint32 = 0x000000FF
)

// Values of SMPP v5.0 §4.7.6 that SMSCs answer on v3.4 binds too.
const (
	StatusSerTypUnauth      uint32 = 0x00000100
	StatusProhibited        uint32 = 0x00000101
	StatusSerTypUnavail     uint32 = 0x00000102
	StatusSerTypDenied      uint32 = 0x00000103
	StatusInvDCS            uint32 = 0x00000104
	StatusInvSrcAddrSubunit uint32 = 0x00000105
	StatusInvDstAddrSubunit uint32 = 0x00000106
)

// StatusName is the specification's name of a command_status, such as "ESME_RTHROTTLED". A carrier's own or a reserved one is its number,
// "0x00000400".
func StatusName(status uint32) string {
	if s, ok := statuses[status]; ok {
		return s.name
	}
	return fmt.Sprintf("0x%08x", status)
}

// StatusText is a short phrase for people that says what a command_status means, without a full stop.
func StatusText(status uint32) string {
	if s, ok := statuses[status]; ok {
		return s.text
	}
	if status >= 0x400 && status <= 0x4FF {
		return fmt.Sprintf("the carrier's own error 0x%08x", status)
	}
	return fmt.Sprintf("unknown error 0x%08x", status)
}

// statuses is read only: it is shared by all sessions.
var statuses = map[uint32]struct{ name, text string }{
	StatusOK:                {"ESME_ROK", "no error"},
	StatusInvMsgLen:         {"ESME_RINVMSGLEN", "message length is invalid"},
	StatusInvCmdLen:         {"ESME_RINVCMDLEN", "command length is invalid"},
	StatusInvCmdID:          {"ESME_RINVCMDID", "command id is invalid"},
	StatusInvBndSts:         {"ESME_RINVBNDSTS", "command not allowed in this bind state"},
	StatusAlyBnd:            {"ESME_RALYBND", "already bound"},
	StatusInvPrtFlg:         {"ESME_RINVPRTFLG", "priority flag is invalid"},
	StatusInvRegDlvFlg:      {"ESME_RINVREGDLVFLG", "registered delivery flag is invalid"},
	StatusSysErr:            {"ESME_RSYSERR", "system error"},
	StatusInvSrcAdr:         {"ESME_RINVSRCADR", "source address is invalid"},
	StatusInvDstAdr:         {"ESME_RINVDSTADR", "destination address is invalid"},
	StatusInvMsgID:          {"ESME_RINVMSGID", "message id is invalid"},
	StatusBindFail:          {"ESME_RBINDFAIL", "bind failed"},
	StatusInvPaswd:          {"ESME_RINVPASWD", "password is invalid"},
	StatusInvSysID:          {"ESME_RINVSYSID", "system id is invalid"},
	StatusCancelFail:        {"ESME_RCANCELFAIL", "cancel_sm failed"},
	StatusReplaceFail:       {"ESME_RREPLACEFAIL", "replace_sm failed"},
	StatusMsgQFul:           {"ESME_RMSGQFUL", "message queue is full"},
	StatusInvSerTyp:         {"ESME_RINVSERTYP", "service type is invalid"},
	StatusInvNumDests:       {"ESME_RINVNUMDESTS", "number of destinations is invalid"},
	StatusInvDLName:         {"ESME_RINVDLNAME", "distribution list name is invalid"},
	StatusInvDestFlag:       {"ESME_RINVDESTFLAG", "destination flag is invalid"},
	StatusInvSubRep:         {"ESME_RINVSUBREP", "submit with replace is invalid"},
	StatusInvESMClass:       {"ESME_RINVESMCLASS", "esm_class is invalid"},
	StatusCntSubDL:          {"ESME_RCNTSUBDL", "cannot submit to distribution list"},
	StatusSubmitFail:        {"ESME_RSUBMITFAIL", "submit failed"},
	StatusInvSrcTON:         {"ESME_RINVSRCTON", "source address type of number is invalid"},
	StatusInvSrcNPI:         {"ESME_RINVSRCNPI", "source address numbering plan is invalid"},
	StatusInvDstTON:         {"ESME_RINVDSTTON", "destination address type of number is invalid"},
	StatusInvDstNPI:         {"ESME_RINVDSTNPI", "destination address numbering plan is invalid"},
	StatusInvSysTyp:         {"ESME_RINVSYSTYP", "system type is invalid"},
	StatusInvRepFlag:        {"ESME_RINVREPFLAG", "replace_if_present flag is invalid"},
	StatusInvNumMsgs:        {"ESME_RINVNUMMSGS", "number of messages is invalid"},
	StatusThrottled:         {"ESME_RTHROTTLED", "throttled, message limit exceeded"},
	StatusInvSched:          {"ESME_RINVSCHED", "scheduled delivery time is invalid"},
	StatusInvExpiry:         {"ESME_RINVEXPIRY", "validity period is invalid"},
	StatusInvDftMsgID:       {"ESME_RINVDFTMSGID", "predefined message is invalid or not found"},
	StatusXTAppn:            {"ESME_RX_T_APPN", "receiver has a temporary application error"},
	StatusXPAppn:            {"ESME_RX_P_APPN", "receiver has a permanent application error"},
	StatusXRAppn:            {"ESME_RX_R_APPN", "receiver rejects the message"},
	StatusQueryFail:         {"ESME_RQUERYFAIL", "query_sm failed"},
	StatusInvOptParStream:   {"ESME_RINVOPTPARSTREAM", "error in the optional part of the body"},
	StatusOptParNotAllwd:    {"ESME_ROPTPARNOTALLWD", "optional parameter not allowed"},
	StatusInvParLen:         {"ESME_RINVPARLEN", "parameter length is invalid"},
	StatusMissingOptParam:   {"ESME_RMISSINGOPTPARAM", "expected optional parameter is missing"},
	StatusInvOptParamVal:    {"ESME_RINVOPTPARAMVAL", "optional parameter value is invalid"},
	StatusDeliveryFailure:   {"ESME_RDELIVERYFAILURE", "delivery failure"},
	StatusUnknownErr:        {"ESME_RUNKNOWNERR", "unknown error"},
	StatusSerTypUnauth:      {"ESME_RSERTYPUNAUTH", "not authorised to use this service type"},
	StatusProhibited:        {"ESME_RPROHIBITED", "prohibited from using this operation"},
	StatusSerTypUnavail:     {"ESME_RSERTYPUNAVAIL", "service type is unavailable"},
	StatusSerTypDenied:      {"ESME_RSERTYPDENIED", "service type is denied"},
	StatusInvDCS:            {"ESME_RINVDCS", "data_coding is invalid"},
	StatusInvSrcAddrSubunit: {"ESME_RINVSRCADDRSUBUNIT", "source address subunit is invalid"},
	StatusInvDstAddrSubunit: {"ESME_RINVDSTADDRSUBUNIT", "destination address subunit is invalid"},
}
