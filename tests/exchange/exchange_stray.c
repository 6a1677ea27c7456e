#include "tests/exchange/exchange_stray.h"

#include <stdlib.h>

struct stray {
    struct stray *next;
    struct exchange *ex;
    struct exchange_request *request;
    struct loop_timer *timer;
};

static void free_stray(struct stray *stray)
{
    for (struct stray **at = &stray->ex->strays; *at; at = &(*at)->next)
        if (*at == stray) {
            *at = stray->next;
            break;
        }
    loop_timer_free(&stray->timer);
    exchange_request_free(&stray->request);
    free(stray);
}

static void on_time(void *arg)
{
    struct stray *stray = arg;
    ex_request_execute(stray->request);
    free_stray(stray);
}

void ex_stray_add(struct exchange *ex, struct exchange_request **request, int64_t ms)
{
    struct stray *stray = calloc(1, sizeof *stray);
    if (!stray) {
        exchange_request_free(request);
        return;
    }
    stray->ex = ex;
    stray->request = *request;
    *request = NULL;
    stray->timer = loop_timer_new(ex->loop, on_time, stray);
    stray->next = ex->strays;
    ex->strays = stray;
    loop_timer_set(stray->timer, ms);
}

void ex_strays_free(struct exchange *ex)
{
    struct stray *stray = ex->strays;
    ex->strays = NULL;
    for (struct stray *next; stray; stray = next) {
        next = stray->next;
        free_stray(stray);
    }
}
