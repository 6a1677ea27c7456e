/* sib-exchange-user: look at a mailbox of the running stand-in and act as its owner. */
#include <curl/curl.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "tests/exchange/exchange_blob.h"
#include "tests/exchange/exchange_user.h"

static const char usage[] =
    "Usage: sib-exchange-user [OPTION]... MAILBOX COMMAND [ARGUMENT]...\n"
    "Acts as the owner of a mailbox of the running sib-exchange.\n\n"
    "  list [FOLDER]                 what is there\n"
    "  folders                       its folders\n"
    "  read|unread ITEM              mark\n"
    "  delete ITEM                   to Deleted Items; from there: away\n"
    "  move ITEM FOLDER              FOLDER such as Inbox/Project, made when missing\n"
    "  copy ITEM FOLDER\n"
    "  restore ITEM                  back to the Inbox\n"
    "  purge ITEM                    away, without a trace\n"
    "  subject ITEM TEXT\n"
    "  urgent ITEM on|off\n"
    "  compose [--to ADDRESS,...] [--cc ...] [--bcc ...] [--subject TEXT] [--body TEXT]\n"
    "          [--html TEXT] [--attach FILE[:NAME[:TYPE]]]... [--urgent] [--private] "
    "[--reply-to ITEM]\n"
    "          [--read-receipt] [--delivery-receipt] [--from ADDRESS]\n"
    "                                a voice message, put into the folder \"Voice Outbox\"\n"
    "                                below the Outbox, From the owner. An address /o=... is\n"
    "                                one of the directory (RoutingType EX); TYPE\n"
    "                                message/rfc822 attaches a message\n"
    "  compose FOLDER [the same] [--read] [--draft]\n"
    "                                a message from anybody in that folder\n"
    "  folder add PATH | remove PATH | rename PATH NAME | move PATH FOLDER\n"
    "What an administrator of Exchange does to the mailbox:\n"
    "  snapshot                      a backup; restore-backup goes back to it\n"
    "  restore-backup\n"
    "  move-server MS [HOST]         to another server, which takes MS milliseconds; with "
    "HOST\n"
    "                                only requests to that name find it afterwards\n"
    "  lose-states                   every SyncState handed out is void\n"
    "  lose-subscriptions            they vanish without a word\n\n"
    "ITEM is a number of the list, an item id, our message id, or a part of the subject that\n"
    "only one item has.\n\n"
    "  --server URL   of the stand-in (default: $SIB_EXCHANGE, else the last one started)\n"
    "  --data DIR     of the stand-in: its address is in DIR/url\n"
    "  --json         for programs\n"
    "  --help, --version\n";

enum option_code {
    OPT_SERVER = 256,
    OPT_DATA,
    OPT_JSON,
    OPT_HELP,
    OPT_VERSION,
    OPT_SUBJECT,
    OPT_BODY,
    OPT_HTML,
    OPT_FROM,
    OPT_TO,
    OPT_CC,
    OPT_BCC,
    OPT_REPLY_TO,
    OPT_READ_RECEIPT,
    OPT_DELIVERY_RECEIPT,
    OPT_ATTACH,
    OPT_URGENT,
    OPT_PRIVATE,
    OPT_READ,
    OPT_DRAFT,
};

static const struct option long_options[] = {
    {"server", required_argument, NULL, OPT_SERVER},
    {"data", required_argument, NULL, OPT_DATA},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {"subject", required_argument, NULL, OPT_SUBJECT},
    {"body", required_argument, NULL, OPT_BODY},
    {"html", required_argument, NULL, OPT_HTML},
    {"from", required_argument, NULL, OPT_FROM},
    {"to", required_argument, NULL, OPT_TO},
    {"cc", required_argument, NULL, OPT_CC},
    {"bcc", required_argument, NULL, OPT_BCC},
    {"reply-to", required_argument, NULL, OPT_REPLY_TO},
    {"read-receipt", no_argument, NULL, OPT_READ_RECEIPT},
    {"delivery-receipt", no_argument, NULL, OPT_DELIVERY_RECEIPT},
    {"attach", required_argument, NULL, OPT_ATTACH},
    {"urgent", no_argument, NULL, OPT_URGENT},
    {"private", no_argument, NULL, OPT_PRIVATE},
    {"read", no_argument, NULL, OPT_READ},
    {"draft", no_argument, NULL, OPT_DRAFT},
    {NULL, 0, NULL, 0},
};

struct options {
    const char *server, *data;
    bool json;
    json_t *new_item; /* what compose makes */
    json_t *attachments;
};

static int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("sib-exchange-user: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return code;
}

static void set_text(struct options *options, const char *name)
{
    json_object_set_new(options->new_item, name, json_string(optarg));
}

static void set_flag(struct options *options, const char *name)
{
    json_object_set_new(options->new_item, name, json_true());
}

/* FILE[:NAME[:TYPE]] */
static int attach(struct options *options)
{
    struct buf bytes, text;
    struct err err;
    struct exchange_user_named named;
    exchange_user_split(optarg, &named);
    buf_init(&bytes, LIMIT_AUDIO_BYTES);
    buf_init(&text, LIMIT_REQUEST_BYTES);
    bool ok = file_read(named.path, &bytes, &err);
    if (ok) {
        ex_blob_base64(&text, bytes.data, bytes.len);
        json_array_append_new(options->attachments,
                              json_pack("{ss ss ss}", "name", named.name, "type", named.type,
                                        "content", buf_str(&text)));
    } else {
        fail(EX_NOINPUT, "%s", err.text);
    }
    buf_clear(&bytes);
    buf_clear(&text);
    return ok ? EX_OK : EX_NOINPUT;
}

/* EX_OK: go on; -1: done, and well. */
static int take_option(struct options *options, int code)
{
    switch (code) {
    case OPT_SERVER: options->server = optarg; break;
    case OPT_DATA: options->data = optarg; break;
    case OPT_JSON: options->json = true; break;
    case OPT_ATTACH: return attach(options);
    case OPT_SUBJECT: set_text(options, "subject"); break;
    case OPT_BODY: set_text(options, "body"); break;
    case OPT_HTML: set_text(options, "html"); break;
    case OPT_FROM: set_text(options, "from_address"); break;
    case OPT_TO: set_text(options, "to"); break;
    case OPT_CC: set_text(options, "cc"); break;
    case OPT_BCC: set_text(options, "bcc"); break;
    case OPT_REPLY_TO: set_text(options, "reply_to"); break;
    case OPT_READ_RECEIPT: set_flag(options, "read_receipt"); break;
    case OPT_DELIVERY_RECEIPT: set_flag(options, "delivery_receipt"); break;
    case OPT_URGENT: set_flag(options, "urgent"); break;
    case OPT_PRIVATE: set_flag(options, "private"); break;
    case OPT_READ: set_flag(options, "read"); break;
    case OPT_DRAFT: set_flag(options, "draft"); break;
    case OPT_HELP: fputs(usage, stdout); return -1;
    case OPT_VERSION: printf("sib-exchange-user %s\n", SIB_VERSION); return -1;
    default: fputs("Try \"sib-exchange-user --help\".\n", stderr); return EX_USAGE;
    }
    return EX_OK;
}

/* The first line of a file that only we may have written. */
static bool read_url(const char *path, char *url, size_t size)
{
    struct stat about;
    FILE *file = fopen(path, "re");
    bool ok = file && fstat(fileno(file), &about) == 0 &&
              (about.st_uid == getuid() || about.st_uid == 0) && fgets(url, (int)size, file);
    if (file)
        fclose(file);
    if (ok)
        url[strcspn(url, "\r\n")] = '\0';
    return ok && url[0];
}

static bool find_server(const struct options *options, char *url, size_t size)
{
    char path[LIMIT_PATH];
    const char *from_environment = getenv("SIB_EXCHANGE"), *runtime = getenv("XDG_RUNTIME_DIR");
    if (options->server || (!options->data && from_environment && from_environment[0])) {
        snprintf(url, size, "%s", options->server ? options->server : from_environment);
        return true;
    }
    if (options->data)
        snprintf(path, sizeof path, "%s/url", options->data);
    else
        snprintf(path, sizeof path, "%s/sib-exchange-%ld",
                 runtime && runtime[0] ? runtime : "/tmp", (long)getuid());
    if (read_url(path, url, size))
        return true;
    fail(EX_UNAVAILABLE, "no stand-in is known (%s); start sib-exchange or give --server",
         path);
    return false;
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *arg)
{
    return buf_add(arg, bytes, size * count) ? size * count : 0;
}

/* The control endpoint stands beside EWS. */
static json_t *ask(const char *server, const char *request, int *code)
{
    char url[LIMIT_URL + 16];
    struct buf answer;
    size_t host = strstr(server, "://") ? (size_t)(strstr(server, "://") - server) + 3 : 0;
    host += strcspn(server + host, "/");
    snprintf(url, sizeof url, "%.*s/user", (int)host, server);
    buf_init(&answer, LIMIT_REQUEST_BYTES);
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    CURLcode rc = curl_easy_perform(curl);
    json_t *result = NULL;
    if (rc != CURLE_OK)
        *code = fail(EX_UNAVAILABLE, "the stand-in at %s does not answer: %s", url,
                     curl_easy_strerror(rc));
    else if (!(result = json_loadb(buf_str(&answer), answer.len, 0, NULL)))
        *code = fail(EX_PROTOCOL, "the answer of %s is not understood", url);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    buf_clear(&answer);
    return result;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static bool is_set(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

/* Columns are counted in characters, not bytes. */
static void print_column(const char *text, int width)
{
    int used = 0;
    const char *p = text;
    while (*p && used < width) {
        size_t len = 1;
        while ((p[len] & 0xc0) == 0x80)
            len++;
        fwrite(p, 1, len, stdout);
        p += len;
        used++;
    }
    printf("%*s  ", width - used, "");
}

static void print_size(const json_t *item)
{
    json_int_t size = 0;
    char text[32] = "-";
    const json_t *list = json_object_get(item, "attachments"), *file;
    size_t i;
    json_array_foreach(list, i, file) size += json_integer_value(json_object_get(file, "size"));
    if (size >= 1024 * 1024)
        snprintf(text, sizeof text, "%.1f MB", (double)size / (1024 * 1024));
    else if (size >= 1024)
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT " kB", size / 1024);
    else if (json_array_size(list))
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT " B", size);
    printf("%8s  ", text);
}

static void print_items(const json_t *list)
{
    const json_t *item;
    size_t i;
    if (!json_array_size(list)) {
        puts("The mailbox is empty.");
        return;
    }
    printf("%3s  %-20s  %-6s  %-6s  %-34s  %-20s  %8s  %-5s  %s\n", "No", "Folder", "State",
           "Urgent", "Subject", "Received", "Audio", "Draft", "Ours");
    json_array_foreach(list, i, item)
    {
        printf("%3" JSON_INTEGER_FORMAT "  ",
               json_integer_value(json_object_get(item, "number")));
        print_column(text_of(item, "folder"), 20);
        printf("%-6s  %-6s  ", is_set(item, "read") ? "read" : "unread",
               is_set(item, "urgent") ? "urgent" : "-");
        print_column(text_of(item, "subject"), 34);
        printf("%-20.19s  ", text_of(item, "received"));
        print_size(item);
        printf("%-5s  %s\n", is_set(item, "draft") ? "draft" : "-",
               text_of(item, "message_id"));
    }
}

static void print_folders(const json_t *list)
{
    const json_t *folder;
    size_t i;
    printf("%-40s  %6s  %6s\n", "Folder", "Items", "Unread");
    json_array_foreach(list, i, folder)
    {
        print_column(text_of(folder, "path"), 40);
        printf("%6" JSON_INTEGER_FORMAT "  %6" JSON_INTEGER_FORMAT "\n",
               json_integer_value(json_object_get(folder, "items")),
               json_integer_value(json_object_get(folder, "unread")));
    }
}

static int show(const json_t *result, bool as_json)
{
    const char *error = text_of(result, "error");
    if (error[0])
        return fail((int)json_integer_value(json_object_get(result, "exit")), "%s", error);
    if (as_json) {
        json_dumpf(result, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (json_object_get(result, "items")) {
        print_items(json_object_get(result, "items"));
    } else if (json_object_get(result, "folders")) {
        print_folders(json_object_get(result, "folders"));
    }
    return EX_OK;
}

static int act(struct options *options, int count, char **words)
{
    char server[LIMIT_URL];
    int code = EX_OK;
    if (count < 2)
        return fail(EX_USAGE, "a mailbox and a command are needed; try --help");
    if (!find_server(options, server, sizeof server))
        return EX_UNAVAILABLE;
    json_t *args = json_array();
    for (int i = 2; i < count; i++)
        json_array_append_new(args, json_string(words[i]));
    json_t *request = json_pack("{ss ss so sO}", "mailbox", words[0], "act", words[1], "args",
                                args, "new", options->new_item);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_t *result = text ? ask(server, text, &code) : NULL;
    if (!text)
        code = fail(EX_DATAERR, "the arguments are not UTF-8");
    if (result)
        code = show(result, options->json);
    free(text);
    json_decref(request);
    json_decref(result);
    return code;
}

int main(int argc, char **argv)
{
    struct options options = {.new_item = json_object(), .attachments = json_array()};
    json_object_set(options.new_item, "attachments", options.attachments);
    int rc = EX_OK;
    for (int code;
         rc == EX_OK && (code = getopt_long(argc, argv, "", long_options, NULL)) != -1;)
        rc = take_option(&options, code);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (rc == EX_OK)
        rc = act(&options, argc - optind, argv + optind);
    else if (rc < 0)
        rc = EX_OK;
    json_decref(options.attachments);
    json_decref(options.new_item);
    curl_global_cleanup();
    return rc;
}
