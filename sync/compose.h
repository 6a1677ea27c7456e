/* What an item says: the text of the body, the name of the audio, the decoy of a secure
 * message.
 *
 * Pure. Nothing of a secure message leaves but the decoy: no audio, no transcription, no text.
 */
#ifndef SIB_SYNC_COMPOSE_H
#define SIB_SYNC_COMPOSE_H

#include "base/buf.h"
#include "store/message.h"

/* What a message says in words; NULL: nothing. */
struct compose_words {
    const char *transcript; /* of its audio; told when the message says that it came */
    const char *text;       /* of a receipt, or typed by the sender */
};

/* Lines end with CRLF. */
void compose_body(const struct message *message, const struct compose_words *words,
                  struct buf *out);

/* Does the audio go along? */
bool compose_has_audio(const struct message *message);

/* Had it a recording, which is not kept any more? */
bool compose_is_expired(const struct message *message);

/* Is the body the same whatever became of the transcription? */
bool compose_is_decoy(const struct message *message);

/* The item class: `voice` (the configured one) only with audio, for the form of a voice mail
 * shows a player; a message from a user was not taken by call answering, and its class says so
 * ([MS-OXOUM] 2.2.2.1). out: COMPOSE_CLASS_BYTES; returns it. */
enum { COMPOSE_CLASS_BYTES = 256 };
const char *compose_item_class(const struct message *message, const char *voice, char *out);

#define COMPOSE_AUDIO_NAME "VoiceMessage.wav"
#define COMPOSE_AUDIO_TYPE "audio/wav"

#endif
