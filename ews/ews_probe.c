#include "ews/ews_probe.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/id.h"
#include "ews/ews_hidden.h"
#include "ews/ews_make.h"

/* A hundredth of a second of silence: 8000 Hz, 8 bits, one channel. */
enum { SILENCE_BYTES = 80 };
static const unsigned char wav_head[] = {'R',
                                         'I',
                                         'F',
                                         'F',
                                         36 + SILENCE_BYTES,
                                         0,
                                         0,
                                         0,
                                         'W',
                                         'A',
                                         'V',
                                         'E',
                                         'f',
                                         'm',
                                         't',
                                         ' ',
                                         16,
                                         0,
                                         0,
                                         0,
                                         1,
                                         0,
                                         1,
                                         0,
                                         0x40,
                                         0x1F,
                                         0,
                                         0,
                                         0x40,
                                         0x1F,
                                         0,
                                         0,
                                         1,
                                         0,
                                         8,
                                         0,
                                         'd',
                                         'a',
                                         't',
                                         'a',
                                         SILENCE_BYTES,
                                         0,
                                         0,
                                         0};

static void try_way(struct remote_call *call);

static void end(struct remote_call *call, struct err *err)
{
    ews_probe_fn *then = call->probe.then;
    call->probe.then = NULL;
    err->effect = ERR_EFFECT_NONE; /* nothing that was asked for has happened yet */
    then(call, err);
}

/* Removed, or left in the hidden folder: neither changes what was found out. */
static void on_cleared(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct ews_account *account = call->remote->mailbox.account;
    struct err err;
    (void)root;
    call->job = NULL;
    if (job_err->kind != ERR_OK)
        log_debug(&account->log, "the probe's item stays in the hidden folder: %s",
                  job_err->text);
    err_clear(&err);
    ews_way_found(&account->way, call->probe.way);
    if (account->config.found_way)
        account->config.found_way(ews_way_name(call->probe.way), account->config.found_way_arg);
    end(call, &err);
}

static void clear_away(struct remote_call *call, const char *item)
{
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_delete(&request, &header, item);
    ews_call_send(call, &request, on_cleared);
}

static void on_made(struct remote_call *call, const struct err *job_err, enum ews_made made,
                    const struct remote_ref *ref)
{
    struct err err = *job_err;
    if (err.kind == ERR_OK)
        return clear_away(call, ref->id);
    if (made != EWS_MADE_DROPPED) {
        ews_hidden_is_stale(call->remote, &err);
        return end(call, &err);
    }
    if (++call->probe.way < REQUEST_WAYS)
        return try_way(call);
    err_set(&err, ERR_CONFIG,
            "this server drops the audio of every message, however it is sent, so it cannot be "
            "used for single inbox; is it an Exchange?");
    err.scope = ERR_SCOPE_ACCOUNT;
    err.when = ERR_WHEN_BACK_OFF;
    end(call, &err);
}

/* The file needs no name: it is read through its descriptor while the body holds it open. */
static struct body *build(struct remote_call *call, int fd, struct err *err)
{
    static const unsigned char silence[SILENCE_BYTES] = {0};
    struct soap_header header = ews_call_header(call);
    char path[32], id[LIMIT_UUID], creation[LIMIT_UUID];
    if (write(fd, wav_head, sizeof(wav_head)) != sizeof(wav_head) ||
        write(fd, silence, sizeof(silence)) != sizeof(silence)) {
        err_set(err, ERR_SYSTEM, "no memory for a probe");
        return NULL;
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    id_new(id);
    id_new(creation);
    const struct remote_new message = {
        .message_id = id,
        .creation = creation,
        .folder = call->remote->hidden.staging,
        .subject = "Probe of single inbox; may be deleted",
        .body = "Made to find out whether this server keeps attachments.\n",
        .item_class = "IPM.Note",
        .from_number = "",
        .from_name = "",
        .from_address = "",
        .reference = "",
        .received = loop_wall(ews_account_loop(call->remote->mailbox.account)),
        .duration_ms = 10,
        .read = true,
        .audio_path = path,
        .audio_name = "probe.wav",
        .audio_type = "audio/wav",
    };
    return request_create(&header, &message, call->probe.way, err);
}

static void on_unbuilt(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    (void)root;
    call->job = NULL;
    end(call, &err);
}

static void try_way(struct remote_call *call)
{
    struct err err;
    struct body *body = NULL;
    int fd = memfd_create("probe", MFD_CLOEXEC);
    if (fd < 0)
        err_set(&err, ERR_SYSTEM, "no memory for a probe");
    else
        body = build(call, fd, &err);
    if (fd >= 0)
        close(fd);
    if (body)
        ews_make_begin(call, body, LOOK_ALWAYS, on_made);
    else
        ews_call_fail(call, &err, on_unbuilt);
}

static void on_hidden(struct remote_call *call, const struct err *job_err)
{
    struct err err = *job_err;
    if (err.kind == ERR_OK)
        try_way(call);
    else
        end(call, &err);
}

void ews_probe_begin(struct remote_call *call, ews_probe_fn *then)
{
    call->probe.way = REQUEST_INLINE;
    call->probe.then = then;
    ews_hidden_find(call, on_hidden);
}
