#include "sync/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "base/text.h"
#include "store/wav.h"

enum { NAMES_TOLD = 3, LINES_TOLD_BYTES = OUTBOX_REASON - 1024 };

#define ACCEPTED "Attach one WAV file (PCM, A-law, \xC2\xB5-law or GSM 6.10)."

/* ---- before its recording is fetched ---- */

static bool has_audio_name(const char *name)
{
    static const char *const endings[] = {".wav", ".wave", ".mp3",  ".m4a",  ".aac",
                                          ".wma", ".ogg",  ".oga",  ".opus", ".flac",
                                          ".amr", ".aif",  ".aiff", ".au",   ".caf"};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++) {
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    }
    return false;
}

static bool is_audio(const struct remote_attachment *file)
{
    return file->is_file &&
           (strncasecmp(file->type, "audio/", 6) == 0 || has_audio_name(file->name));
}

/* "a.wav", "b.wav" and 3 more: those that are recordings, or those that are not. */
static void list_names(const struct remote_composed *composed, bool audio, char *out,
                       size_t size)
{
    size_t told = 0, more = 0, used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < composed->attachment_count; i++) {
        const struct remote_attachment *file = &composed->attachments[i];
        if (is_audio(file) != audio)
            continue;
        if (told == NAMES_TOLD) {
            more++;
            continue;
        }
        char name[64];
        text_copy(name, sizeof name, file->name);
        used += (size_t)snprintf(out + used, size - used, "%s\"%s\"", told++ ? ", " : "", name);
    }
    if (more)
        snprintf(out + used, size - used, " and %zu more", more);
}

static void look_at_files(const struct remote_composed *composed, struct outbox_look *out)
{
    char names[NAMES_TOLD * 68 + 32];
    size_t recordings = 0;

    for (size_t i = 0; i < composed->attachment_count; i++) {
        if (is_audio(&composed->attachments[i]) && recordings++ == 0)
            out->audio = i;
    }
    list_names(composed, recordings > 0, names, sizeof names);
    if (recordings == 0 && names[0])
        snprintf(out->reason, sizeof out->reason,
                 "It has no recording attached, only %s. " ACCEPTED, names);
    else if (recordings == 0)
        snprintf(out->reason, sizeof out->reason, "It has no recording attached. " ACCEPTED);
    else if (recordings > 1)
        snprintf(out->reason, sizeof out->reason,
                 "It has %zu recordings attached (%s), and a voice message has one. " ACCEPTED,
                 recordings, names);
    else if (composed->attachments[out->audio].bytes > LIMIT_AUDIO_BYTES)
        snprintf(out->reason, sizeof out->reason,
                 "Its recording %s is larger than %ld MiB, the most that is taken.", names,
                 LIMIT_AUDIO_BYTES / MIB);
}

void outbox_look(const struct remote_composed *composed, bool quiet, struct outbox_look *out)
{
    memset(out, 0, sizeof *out);
    if (composed->too_much[0])
        text_copy(out->reason, sizeof out->reason, composed->too_much);
    else
        look_at_files(composed, out);
    if (!out->reason[0])
        out->step = OUTBOX_FETCH;
    else
        out->step = quiet ? OUTBOX_KEEP : OUTBOX_WAIT;
}

/* ---- what of it is needed afterwards ---- */

/* At most size - 1 bytes of it. */
static char *copy_text(const char *text, size_t size)
{
    size_t len = strlen(text);
    char *copy = malloc(len + 1 < size ? len + 1 : size);

    if (copy)
        text_copy(copy, len + 1 < size ? len + 1 : size, text);
    return copy;
}

static bool copy_people(struct outbox_letter *letter, const struct remote_composed *composed)
{
    letter->to = calloc(composed->to_count + 1, sizeof *letter->to);
    for (size_t i = 0; letter->to && i < composed->to_count; i++) {
        letter->to[i] = copy_text(composed->to[i], LIMIT_LEGACY_ADDRESS);
        if (!letter->to[i])
            return false;
        letter->to_count++;
    }
    return letter->to != NULL;
}

struct outbox_letter *outbox_letter_new(const struct remote_composed *composed, size_t audio)
{
    static const struct remote_attachment none = {.id = "", .name = "", .type = ""};
    const struct remote_attachment *file =
        audio < composed->attachment_count ? &composed->attachments[audio] : &none;
    struct outbox_letter *letter = calloc(1, sizeof *letter);

    if (!letter)
        return NULL;
    letter->from = copy_text(composed->from, LIMIT_LEGACY_ADDRESS);
    letter->subject = copy_text(composed->subject, LIMIT_SUBJECT);
    letter->body = copy_text(composed->body, LIMIT_TRANSCRIPT);
    letter->audio_id = copy_text(file->id, LIMIT_REMOTE_ID);
    letter->audio_name = copy_text(file->name, LIMIT_ATTACHMENT_NAME);
    letter->urgent = composed->urgent;
    letter->private = composed->private;
    letter->wants_delivery_receipt = composed->wants_delivery_receipt;
    letter->wants_read_receipt = composed->wants_read_receipt;
    letter->created = composed->created;
    text_copy(letter->reference, sizeof letter->reference, composed->reference);
    text_copy(letter->item, sizeof letter->item, composed->id);
    if (!copy_people(letter, composed) || !letter->from || !letter->subject || !letter->body ||
        !letter->audio_id || !letter->audio_name)
        outbox_letter_free(&letter);
    return letter;
}

void outbox_letter_free(struct outbox_letter **letter)
{
    struct outbox_letter *l = *letter;

    if (l) {
        for (size_t i = 0; i < l->to_count; i++)
            free(l->to[i]);
        free(l->to);
        free(l->from);
        free(l->subject);
        free(l->body);
        free(l->audio_id);
        free(l->audio_name);
        free(l);
    }
    *letter = NULL;
}

static void add_text(struct sha256 *sum, const char *text)
{
    sha256_add(sum, text, strlen(text) + 1); /* with its end: what is beside it is another */
}

void outbox_digest(const struct outbox_letter *letter, const char *what, char *hex)
{
    struct sha256 *sum = sha256_new();
    char facts[64];

    hex[0] = '\0';
    if (!sum)
        return;
    snprintf(facts, sizeof facts, "%lld %d%d%d%d", (long long)letter->created.ms,
             letter->urgent, letter->private, letter->wants_delivery_receipt,
             letter->wants_read_receipt);
    add_text(sum, facts);
    /* When nothing tells two alike apart, then only what the item is called does. */
    add_text(sum, letter->created.ms ? "" : letter->item);
    add_text(sum, what);
    add_text(sum, letter->audio_name);
    add_text(sum, letter->from);
    add_text(sum, letter->subject);
    add_text(sum, letter->body);
    add_text(sum, letter->reference);
    for (size_t i = 0; i < letter->to_count; i++)
        add_text(sum, letter->to[i]);
    sha256_end(&sum, hex);
}

/* ---- its recording ---- */

/* What a file is, by how it begins. */
static const struct {
    size_t at;
    const char *bytes;
    size_t len;
    const char *what;
} kinds[] = {
    {0, "ID3", 3, "an MP3 file"},
    {0, "\xFF\xFB", 2, "an MP3 file"},
    {0, "\xFF\xF3", 2, "an MP3 file"},
    {0, "\xFF\xF2", 2, "an MP3 file"},
    {0, "\xFF\xF1", 2, "an AAC file"},
    {0, "\xFF\xF9", 2, "an AAC file"},
    {4, "ftyp", 4, "an M4A or MP4 file"},
    {0, "OggS", 4, "an Ogg file"},
    {0, "fLaC", 4, "a FLAC file"},
    {0, "#!AMR", 5, "an AMR file"},
    {0, "\x30\x26\xB2\x75", 4, "a Windows Media file"},
    {0, "FORM", 4, "an AIFF file"},
    {0, ".snd", 4, "an AU file"},
    {0, "caff", 4, "a Core Audio file"},
    {0, "RIFX", 4, "a WAV file with its bytes the other way round"},
    {0, "RF64", 4, "a WAV file of the 64-bit kind"},
    {0, "RIFF", 4, "a RIFF file that is no WAV"},
};

static const char *kind_of(const unsigned char *head, size_t len)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (len >= kinds[i].at + kinds[i].len &&
            memcmp(head + kinds[i].at, kinds[i].bytes, kinds[i].len) == 0)
            return kinds[i].what;
    }
    return len == 0 ? "an empty file" : "not a WAV file";
}

bool outbox_audio_is_good(const char *name, const unsigned char *head, size_t len,
                          int64_t file_bytes, char *reason, size_t size)
{
    struct wav_info wav;
    struct err err;
    char short_name[64];

    if (wav_parse(head, len, file_bytes, &wav, &err))
        return true;
    text_copy(short_name, sizeof short_name, name);
    if (len >= 12 && memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WAVE", 4) == 0)
        snprintf(reason, size, "Its recording \"%s\" cannot be taken: %.200s. " ACCEPTED,
                 short_name, err.text);
    else
        snprintf(reason, size, "Its recording \"%s\" is %s. " ACCEPTED, short_name,
                 kind_of(head, len));
    return false;
}

/* ---- with its recording at hand ---- */

static void tell_unknown(const struct outbox_person *people, size_t count, size_t unknown,
                         struct buf *reason)
{
    size_t left = unknown;

    if (unknown < count)
        buf_printf(reason, "It was delivered to %zu of %zu recipients. ", count - unknown,
                   count);
    buf_add_str(reason, "It was not delivered to:\n");
    for (size_t i = 0; i < count && reason->len < LINES_TOLD_BYTES; i++) {
        if (people[i].mailbox[0])
            continue;
        left--;
        buf_printf(reason, "  %.320s: %s\n",
                   people[i].address[0] ? people[i].address : "a recipient without an address",
                   strchr(people[i].address, '@') ? "nobody here has this address"
                                                  : "this is not a mail address");
    }
    if (left > 0)
        buf_printf(reason, "  and %zu more\n", left);
    buf_add_str(reason, "Correct the addresses, and send it to them again.");
}

struct outbox_verdict outbox_judge(const struct outbox_person *people, size_t count, bool owner,
                                   const char *from, bool quiet, struct buf *reason)
{
    struct outbox_verdict verdict = {.wait = false};
    size_t unknown = 0;

    for (size_t i = 0; i < count; i++)
        unknown += !people[i].mailbox[0];
    if (!owner) {
        verdict.tell = true;
        buf_printf(reason,
                   "It is from %.320s, which is not an address of this mailbox. Send it from "
                   "your own address.",
                   from);
    } else if (count == 0) {
        verdict.tell = true;
        buf_add_str(reason, "It has no recipient. Send it again, to somebody.");
    } else if (unknown > 0) {
        verdict.tell = true;
        verdict.deliver = unknown < count;
        tell_unknown(people, count, unknown, reason);
    } else {
        verdict.deliver = true;
    }
    verdict.wait = verdict.tell && !quiet;
    return verdict;
}
