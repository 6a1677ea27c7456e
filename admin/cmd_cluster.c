/* sibctl cluster status: this server's role and its services. */
#include <string.h>

#include "admin/cli.h"
#include "admin/commands.h"
#include "admin/status.h"
#include "admin/table.h"
#include "admin/view.h"
#include "role/status.h"

/* A field of what sibd last wrote, or this when there is none; a new reference. */
static json_t *field_or(const json_t *status, const char *key, json_t *fallback)
{
    json_t *field = json_object_get(status, key);

    if (!field)
        return fallback;
    json_decref(fallback);
    return json_incref(field);
}

/* One object with the contract's keys, also while sibd does not run. */
static json_t *cluster_view(const struct config *config, const json_t *status, bool running)
{
    const char *identity =
        config->node.identity == CONFIG_PUBLISHER ? "publisher" : "subscriber";
    const json_t *now = running ? status : NULL;
    json_t *name = json_string(role_status_name(ROLE_NOT_FUNCTIONING));

    return json_pack(
        "{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "node", view_text(config->node.name), "identity",
        identity, "status", field_or(now, "status", name), "epoch",
        field_or(now, "epoch", json_integer(0)), "flags", field_or(now, "flags", json_array()),
        "peer", field_or(now, "peer", json_null()), "services",
        field_or(now, "services", json_array()));
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static void add_service(struct table *table, const json_t *service)
{
    const char *state = text_of(service, "state");
    long long pid = (long long)json_integer_value(json_object_get(service, "pid"));
    char time[TEXT_SHORT] = "", number[TEXT_SHORT] = "";
    struct wall since;

    if (clock_parse(text_of(service, "since"), &since))
        text_time(since, time);
    if (pid > 0)
        snprintf(number, sizeof number, "%lld", pid);
    table_cell(table, STYLE_PLAIN, "%s", text_of(service, "name"));
    table_cell(table, strcmp(state, "running") == 0 ? STYLE_GOOD : STYLE_WARN, "%s", state);
    table_cell(table, STYLE_PLAIN, "%s", time);
    table_cell(table, STYLE_PLAIN, "%s", number);
    table_cell(table, STYLE_PLAIN, "%lld",
               (long long)json_integer_value(json_object_get(service, "restarts")));
}

static bool print_services(struct sibctl *ctl, const json_t *services, struct err *err)
{
    static const struct table_column columns[] = {{.heading = "SERVICE"},
                                                  {.heading = "STATE"},
                                                  {.heading = "SINCE"},
                                                  {.heading = "PID", .right = true},
                                                  {.heading = "RESTARTS", .right = true}};
    struct table *table;
    size_t i;
    json_t *service;

    if (json_array_size(services) == 0) {
        sibctl_say(ctl, "No services run.");
        return true;
    }
    table = table_new(columns, 5);
    json_array_foreach(services, i, service) add_service(table, service);
    fputc('\n', ctl->screen.out);
    bool ok = table_print(table, &ctl->screen, err);
    table_free(&table);
    return ok;
}

static bool print_cluster(struct sibctl *ctl, const json_t *view, struct err *err)
{
    const char *status = text_of(view, "status");
    bool good = strcmp(status, role_status_name(ROLE_PRIMARY)) == 0 ||
                strcmp(status, role_status_name(ROLE_SECONDARY)) == 0;
    enum style style = good ? STYLE_GOOD : STYLE_BAD;
    const struct screen *screen = &ctl->screen;

    fprintf(screen->out, "%s (%s) is %s%s%s%s.\n", ctl->config->node.name,
            text_of(view, "identity"), screen_begin(screen, style), status,
            screen_end(screen, style), ctl->config->cluster.enabled ? "" : ", a lone server");
    if (strcmp(status, role_status_name(ROLE_NOT_FUNCTIONING)) == 0)
        sibctl_hint(ctl, "sibd does not run on this state-dir; start it.");
    return print_services(ctl, json_object_get(view, "services"), err);
}

bool cmd_cluster_status(struct sibctl *ctl, struct err *err)
{
    json_t *status;

    if (!sibctl_config(ctl, err))
        return false;
    bool running = daemon_read(ctl->config->node.state_dir, &status);
    json_t *view = cluster_view(ctl->config, status, running);
    json_decref(status);
    if (!view)
        return err_set(err, ERR_SYSTEM, "out of memory");
    if (ctl->call.json)
        return sibctl_json(ctl, view, err);
    bool ok = print_cluster(ctl, view, err);
    json_decref(view);
    return ok;
}
