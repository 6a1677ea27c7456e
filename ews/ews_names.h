/* Names of Exchange Web Services that stand in more than one place. */
#ifndef SIB_EWS_EWS_NAMES_H
#define SIB_EWS_EWS_NAMES_H

/* Namespaces. On the wire they begin with http, whatever the documentation prints. */
#define EWS_NS_SOAP     "http://schemas.xmlsoap.org/soap/envelope/"
#define EWS_NS_TYPES    "http://schemas.microsoft.com/exchange/services/2006/types"
#define EWS_NS_MESSAGES "http://schemas.microsoft.com/exchange/services/2006/messages"
#define EWS_NS_ERRORS   "http://schemas.microsoft.com/exchange/services/2006/errors"

#define EWS_VERSION_DEFAULT "Exchange2013_SP1"

/* Our named properties: one set, few names (names are scarce in a mailbox database). */
#define EWS_PROPERTY_SET    "b7a3f0c2-5d0e-4c53-9f2b-7c1d5b8e6a41"
#define EWS_NAME_MESSAGE_ID "SibMessageId"
#define EWS_NAME_CREATION   "SibCreation"
#define EWS_NAME_WINNER     "SibWinner" /* of a folder: the item that it names */
/* Where people put what they compose, below the Outbox. */
#define EWS_VOICE_OUTBOX "Voice Outbox"
/* The domain in an Internet-Message-ID; it can never be anybody's (RFC 2606). */
#define EWS_MESSAGE_ID_DOMAIN "sib.invalid"

/* MAPI properties ([MS-OXPROPS]), and those of a voice message ([MS-OXOUM]). */
#define EWS_TAG_FLAGS            "0x0E07" /* PidTagMessageFlags: 0 unread, 1 read; never a draft */
#define EWS_TAG_DELIVERY_TIME    "0x0E06" /* PidTagMessageDeliveryTime */
#define EWS_TAG_SUBMIT_TIME      "0x0039" /* PidTagClientSubmitTime */
#define EWS_TAG_VOICE_DURATION   "0x6801" /* seconds */
#define EWS_TAG_VOICE_NUMBER     "0x6802"
#define EWS_TAG_VOICE_NAME       "0x6803"
#define EWS_TAG_ATTACHMENT_ORDER "0x6805"
#define EWS_PLAIN_CLASS          "IPM.Note" /* of what has nothing to play */

#endif
