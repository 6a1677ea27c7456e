/* What an item says: the text of the body, the name of the audio, the decoy of a secure
 * message.
 *
 * Pure. Nothing of a secure message leaves but the decoy: no audio, no transcription. */
#ifndef SIB_SYNC_COMPOSE_H
#define SIB_SYNC_COMPOSE_H

#include "base/buf.h"
#include "store/message.h"

/* transcript NULL: none. Lines end with CRLF. */
void compose_body(const struct message *message, const char *transcript, struct buf *out);

/* Does the audio go along? */
bool compose_has_audio(const struct message *message);

#define COMPOSE_AUDIO_NAME "VoiceMessage.wav"
#define COMPOSE_AUDIO_TYPE "audio/wav"

#endif
