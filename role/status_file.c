#include "role/status_file.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"

static void add_text(struct buf *out, const char *text)
{
    buf_add_str(out, "\"");
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20)
            buf_printf(out, "\\u%04x", (unsigned)*text);
        else if (*text == '"' || *text == '\\')
            buf_printf(out, "\\%c", *text);
        else
            buf_add(out, text, 1);
    }
    buf_add_str(out, "\"");
}

static void add_time(struct buf *out, struct wall time)
{
    char text[CLOCK_TEXT_MAX];
    add_text(out, clock_format(time, text));
}

/* "runs=3 calls=9" -> {"runs": 3, "calls": 9}. What is not a word and a number is left out: it
 * comes from the service. */
static void add_counters(struct buf *out, const char *counters)
{
    const char *separator = "";
    buf_add_str(out, "{");
    while (*counters) {
        size_t name = 0;
        while (isalnum((unsigned char)counters[name]) || counters[name] == '_')
            name++;
        size_t value = counters[name] == '=' ? strspn(counters + name + 1, "0123456789") : 0;
        size_t len = strcspn(counters, " ");
        if (name > 0 && value > 0 && value < 19 && name + 1 + value == len) {
            size_t zeros = strspn(counters + name + 1, "0");
            zeros = zeros == value ? value - 1 : zeros;
            buf_printf(out, "%s\"%.*s\": %.*s", separator, (int)name, counters,
                       (int)(value - zeros), counters + name + 1 + zeros);
            separator = ", ";
        }
        counters += len;
        counters += strspn(counters, " ");
    }
    buf_add_str(out, "}");
}

static void add_service(struct buf *out, const struct services_report *service)
{
    buf_add_str(out, "{\"name\": ");
    add_text(out, service->name);
    buf_add_str(out, ", \"state\": ");
    add_text(out, service_state_name(service->state));
    if (service->pid)
        buf_printf(out, ", \"pid\": %d", (int)service->pid);
    else
        buf_add_str(out, ", \"pid\": null");
    buf_printf(out, ", \"restarts\": %ld, \"since\": ", service->restarts);
    add_time(out, service->since);
    buf_add_str(out, ", \"last_exit\": ");
    if (service->last_exit[0])
        add_text(out, service->last_exit);
    else
        buf_add_str(out, "null");
    buf_add_str(out, ", \"counters\": ");
    add_counters(out, service->counters);
    buf_add_str(out, "}");
}

void status_file_format(const struct status_file *status, struct buf *out)
{
    buf_add_str(out, "{\"node\": ");
    add_text(out, status->node);
    buf_add_str(out, ", \"identity\": ");
    add_text(out, status->identity);
    buf_add_str(out, ", \"status\": ");
    add_text(out, role_status_name(status->status));
    buf_printf(out, ", \"pid\": %d, \"written\": ", (int)status->pid);
    add_time(out, status->written);
    buf_add_str(out, ", \"services\": [");
    for (size_t i = 0; i < services_count(status->services); i++) {
        struct services_report report;
        services_report(status->services, i, &report);
        buf_add_str(out, i ? ",\n  " : "\n  ");
        add_service(out, &report);
    }
    buf_add_str(out, "]}\n");
}

static bool write_new(const char *path, const struct buf *bytes, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return file_error(err, "create", path);
    bool ok = file_write_all(fd, bytes->data, bytes->len, path, err);
    close(fd);
    return ok;
}

bool status_file_write(const struct status_file *status, const char *path, struct err *err)
{
    char temp[LIMIT_PATH];
    struct buf out;
    buf_init(&out, 256 * KIB);
    status_file_format(status, &out);
    bool ok = !out.failed && (size_t)snprintf(temp, sizeof temp, "%s.new", path) < sizeof temp;
    if (!ok)
        err_set(err, ERR_INTERNAL, "the status does not fit into %s.", path);
    ok = ok && write_new(temp, &out, err);
    if (ok && rename(temp, path) != 0)
        ok = file_error(err, "rename", path);
    buf_clear(&out);
    return ok;
}
