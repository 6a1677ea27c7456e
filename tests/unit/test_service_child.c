/* Services as child processes: the supervisor against children that behave in every bad way.
 * The children are this very program, started with a word that says how to behave. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/log.h"
#include "base/service.h"
#include "role/services.h"
#include "role/status_file.h"

/* ---- what the children do ---- */

static void put(const char *text)
{
    if (write(SERVICE_CONTROL_FD, text, strlen(text)) < 0)
        _exit(9);
}

static _Noreturn void forever(void)
{
    for (;;)
        pause();
}

static _Noreturn void ignores_stop(void)
{
    signal(SIGTERM, SIG_IGN);
    put("READY\n");
    for (;;) {
        put("BEAT 1\n");
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
}

static void end_loop(void *arg)
{
    loop_stop(*(struct loop **)arg);
}

static int behaves(int slowness_ms)
{
    struct err err = {0};
    struct loop *loop = loop_system_new(&err);
    struct service *service = service_new(loop, end_loop, NULL, &loop, &err);
    if (!service)
        return 9;
    nanosleep(&(struct timespec){.tv_nsec = slowness_ms * 1000L * 1000}, NULL);
    service_count(service, "runs", 3);
    service_count(service, "calls", 1);
    service_count(service, "runs", 4);
    service_ready(service);
    loop_run(loop);
    service_free(&service);
    loop_free(&loop);
    return 0;
}

static int behave(const char *how)
{
    if (strcmp(how, "well") == 0)
        return behaves(0);
    if (strcmp(how, "slowly") == 0)
        return behaves(100);
    if (strcmp(how, "stubborn") == 0)
        ignores_stop();
    if (strcmp(how, "exits 78") == 0)
        return SERVICE_EXIT_CONFIG;
    if (strcmp(how, "exits 1") == 0)
        return 1;
    if (strcmp(how, "leaves a helper") == 0) {
        if (fork() == 0)
            forever();
        _exit(1); /* not exit: the leak checker would start a helper of its own */
    }
    if (strcmp(how, "mute") == 0)
        forever();
    put("READY\nBEAT 1 runs=7 bad=x\n");
    if (strcmp(how, "closes") == 0)
        close(SERVICE_CONTROL_FD);
    forever(); /* "stalls" */
}

/* ---- the supervisor's side ---- */

static const struct child_times QUICK = {
    .ready_ms = 200, .stall_ms = 200, .stop_ms = 200, .closed_ms = 60};
static const struct child_times PATIENT = {
    .ready_ms = 5000, .stall_ms = 5000, .stop_ms = 5000, .closed_ms = 1000};
static const struct ladder_times STEPS = {.unit_ms = 10, .max_ms = 40, .long_enough_ms = 10000};

static char self[1024];

struct logged {
    int warnings, errors;
    char last[2048];
};
static struct logged logged;

static void collect(enum log_level level, const char *line, void *arg)
{
    (void)arg;
    logged.warnings += level == LOG_LEVEL_WARNING;
    logged.errors += level == LOG_LEVEL_ERROR;
    if (level <= LOG_LEVEL_WARNING)
        snprintf(logged.last, sizeof logged.last, "%s", line);
}

struct fixture {
    struct loop *loop;
    struct loop_timer *poll;
    bool (*until)(struct fixture *fixture);
    int64_t polls;
    const char *argv[4];
    struct child_spec spec;
    struct child *child;
    bool ready, gone;
    int status;
    struct services *services;
    struct services_entry table[3];
    const char *argvs[3][4];
    void (*on_change)(struct fixture *fixture);
};

static void poll_again(void *arg)
{
    struct fixture *fixture = arg;
    if (fixture->until(fixture))
        loop_stop(fixture->loop);
    else if (++fixture->polls > 5000 / 5)
        fail_msg("it did not come to pass: %s", logged.last);
    else
        loop_timer_set(fixture->poll, 5);
}

static void run_until(struct fixture *fixture, bool (*until)(struct fixture *fixture))
{
    fixture->until = until;
    fixture->polls = 0;
    loop_timer_set(fixture->poll, 0);
    loop_run(fixture->loop);
}

static void open_fixture(struct fixture *fixture)
{
    struct err err = {0};
    memset(fixture, 0, sizeof *fixture);
    memset(&logged, 0, sizeof logged);
    log_set_sink(collect, NULL);
    fixture->loop = loop_system_new(&err);
    fixture->poll = loop_timer_new(fixture->loop, poll_again, fixture);
}

static void close_fixture(struct fixture *fixture)
{
    child_free(&fixture->child);
    services_free(&fixture->services);
    loop_timer_free(&fixture->poll);
    loop_free(&fixture->loop);
    log_set_sink(NULL, NULL);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left to be reaped */
}

static void on_ready(void *arg)
{
    struct fixture *fixture = arg;
    fixture->ready = true;
}

static void on_gone(int wait_status, void *arg)
{
    struct fixture *fixture = arg;
    assert_false(fixture->gone);
    fixture->gone = true;
    fixture->status = wait_status;
}

static void start(struct fixture *fixture, const char *how, const struct child_times *times)
{
    const struct child_events events = {.ready = on_ready, .gone = on_gone, .arg = fixture};
    const char *const argv[] = {self, "--behave", how, NULL};
    struct err err = {0};
    memcpy(fixture->argv, argv, sizeof argv);
    fixture->spec = (struct child_spec){.name = how, .argv = fixture->argv};
    fixture->child = child_new(fixture->loop, &fixture->spec, times, &events, &err);
    assert_non_null(fixture->child);
    assert_false(fixture->ready || fixture->gone);
}

static bool is_ready(struct fixture *fixture)
{
    return fixture->ready;
}

static bool is_gone(struct fixture *fixture)
{
    return fixture->gone;
}

static bool turned_twice(struct fixture *fixture)
{
    return fixture->polls == 2;
}

/* Long enough for a kill to have come. */
static bool turned_30_times(struct fixture *fixture)
{
    return fixture->polls == 30;
}

static bool is_counted(struct fixture *fixture)
{
    return child_counters(fixture->child)[0] != '\0';
}

static void must_be_killed(const char *how, const char *why)
{
    struct fixture fixture;
    open_fixture(&fixture);
    start(&fixture, how, &QUICK);
    run_until(&fixture, is_gone);
    assert_true(WIFSIGNALED(fixture.status));
    assert_int_equal(WTERMSIG(fixture.status), SIGKILL);
    assert_non_null(strstr(child_killed_why(fixture.child), why));
    assert_int_equal(logged.warnings, 1);
    close_fixture(&fixture);
}

static void a_child_that_never_becomes_ready_is_killed(void **state)
{
    (void)state;
    must_be_killed("mute", "ready");
}

static void a_child_that_stalls_is_killed(void **state)
{
    (void)state;
    must_be_killed("stalls", "progress");
}

static void a_child_that_closes_its_socket_and_stays_is_killed(void **state)
{
    (void)state;
    must_be_killed("closes", "socket");
}

static void a_child_that_behaves_says_ready_counts_and_stops_when_asked(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture);
    start(&fixture, "well", &PATIENT);
    assert_int_equal(child_state(fixture.child), CHILD_STARTING);
    run_until(&fixture, is_ready);
    assert_int_equal(child_state(fixture.child), CHILD_RUNNING);
    run_until(&fixture, is_counted);
    assert_string_equal(child_counters(fixture.child), "runs=7 calls=1");
    child_stop(fixture.child);
    child_stop(fixture.child);
    run_until(&fixture, is_gone);
    assert_true(WIFEXITED(fixture.status) && WEXITSTATUS(fixture.status) == 0);
    assert_null(child_killed_why(fixture.child));
    assert_int_equal(logged.warnings, 0);
    close_fixture(&fixture);
}

static void a_child_that_ignores_stop_and_term_is_killed(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture);
    start(&fixture, "stubborn", &QUICK);
    run_until(&fixture, is_ready);
    child_stop(fixture.child);
    run_until(&fixture, is_gone);
    assert_true(WIFSIGNALED(fixture.status) && WTERMSIG(fixture.status) == SIGKILL);
    close_fixture(&fixture);
}

static void a_child_that_knows_no_stop_gets_sigterm(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture);
    start(&fixture, "stalls", &PATIENT);
    run_until(&fixture, is_ready);
    child_free(&fixture.child); /* freeing one that lives kills and reaps it */
    fixture.ready = false;
    struct child_times times = PATIENT;
    times.stop_ms = 100;
    start(&fixture, "stalls", &times);
    run_until(&fixture, is_ready);
    child_stop(fixture.child);
    run_until(&fixture, is_gone);
    assert_true(WIFSIGNALED(fixture.status) && WTERMSIG(fixture.status) == SIGTERM);
    close_fixture(&fixture);
}

static void a_child_is_not_blamed_for_our_own_being_frozen(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture);
    start(&fixture, "stubborn", &QUICK);
    run_until(&fixture, is_ready);
    kill(child_pid(fixture.child), SIGSTOP); /* as when the whole machine is paused */
    run_until(&fixture, turned_twice);
    nanosleep(&(struct timespec){.tv_nsec = 2 * QUICK.stall_ms * 1000 * 1000}, NULL);
    run_until(&fixture, turned_twice);
    kill(child_pid(fixture.child), SIGCONT);
    run_until(&fixture, turned_30_times);
    assert_false(fixture.gone);
    assert_int_equal(logged.warnings, 0);
    close_fixture(&fixture);
}

static void a_program_that_is_not_there_exits_127(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct child_events events = {.ready = on_ready, .gone = on_gone, .arg = &fixture};
    const char *const argv[] = {"/nonexistent/program", NULL};
    const struct child_spec spec = {.name = "none", .argv = argv};
    struct err err = {0};
    open_fixture(&fixture);
    fixture.child = child_new(fixture.loop, &spec, &PATIENT, &events, &err);
    run_until(&fixture, is_gone);
    assert_true(WIFEXITED(fixture.status) && WEXITSTATUS(fixture.status) == 127);
    close_fixture(&fixture);
}

static void what_a_child_started_does_not_outlive_it(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    start(&fixture, "leaves a helper", &PATIENT);
    run_until(&fixture, is_gone);
    int status;
    assert_true(waitpid(-1, &status, 0) > 0); /* the helper came to us, and is dead */
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    close_fixture(&fixture);
}

/* ---- the supervisor's death ---- */

static _Noreturn void be_supervisor(const char *how, int tell)
{
    struct fixture fixture;
    open_fixture(&fixture);
    start(&fixture, how, &PATIENT);
    if (strcmp(how, "mute") != 0)
        run_until(&fixture, is_ready);
    pid_t pid = child_pid(fixture.child);
    if (write(tell, &pid, sizeof pid) != sizeof pid)
        _exit(9);
    forever();
}

static void dies_with_supervisor(const char *how)
{
    int ends[2];
    pid_t pid;
    assert_int_equal(pipe(ends), 0);
    pid_t supervisor = fork();
    if (supervisor == 0)
        be_supervisor(how, ends[1]);
    assert_int_equal(read(ends[0], &pid, sizeof pid), sizeof pid);
    struct pollfd child = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    assert_int_equal(poll(&child, 1, 20), 0);
    kill(supervisor, SIGKILL);
    assert_int_equal(poll(&child, 1, 3000), 1);
    while (waitpid(-1, NULL, 0) > 0) /* these two, and a leak checker's helper */
        ;
    close(child.fd);
    close(ends[0]);
    close(ends[1]);
}

static void the_death_of_the_supervisor_ends_the_children(void **state)
{
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    dies_with_supervisor("well");
    dies_with_supervisor("mute");
    dies_with_supervisor("stubborn");
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* ---- the table of services ---- */

static void on_change(void *arg)
{
    struct fixture *fixture = arg;
    if (fixture->on_change)
        fixture->on_change(fixture);
}

static void open_services(struct fixture *fixture, const struct child_times *times,
                          size_t count, const char *const *hows)
{
    struct err err = {0};
    open_fixture(fixture);
    for (size_t i = 0; i < count; i++) {
        const char *const argv[] = {self, "--behave", hows[i], NULL};
        memcpy(fixture->argvs[i], argv, sizeof argv);
        fixture->table[i] =
            (struct services_entry){.program = {.name = hows[i], .argv = fixture->argvs[i]},
                                    .run_when = SERVICES_RUN_WHEN(ROLE_PRIMARY)};
    }
    const struct services_setup setup = {.table = fixture->table,
                                         .count = count,
                                         .child_times = times,
                                         .ladder_times = &STEPS,
                                         .changed = on_change,
                                         .arg = fixture};
    fixture->services = services_new(fixture->loop, &setup, &err);
    assert_non_null(fixture->services);
    assert_true(services_settled(fixture->services));
}

static struct services_report report(const struct fixture *fixture, size_t index)
{
    struct services_report seen;
    services_report(fixture->services, index, &seen);
    return seen;
}

static bool settled(struct fixture *fixture)
{
    return services_settled(fixture->services);
}

static bool restarted_5_times(struct fixture *fixture)
{
    return report(fixture, 0).restarts >= 5;
}

static bool first_failed(struct fixture *fixture)
{
    return report(fixture, 0).state == SERVICE_FAILED;
}

static void in_order(struct fixture *fixture)
{
    for (size_t i = 1; i < services_count(fixture->services); i++)
        if (report(fixture, i).state != SERVICE_STOPPED)
            assert_int_equal(report(fixture, i - 1).state, SERVICE_RUNNING);
}

static void services_start_in_order_and_stop_in_reverse(void **state)
{
    (void)state;
    struct fixture fixture;
    open_services(&fixture, &PATIENT, 3, (const char *const[]){"slowly", "well", "well"});
    fixture.on_change = in_order;
    services_set_status(fixture.services, ROLE_PRIMARY);
    assert_false(services_settled(fixture.services));
    run_until(&fixture, settled);
    pid_t pids[3];
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(report(&fixture, i).state, SERVICE_RUNNING);
        pids[i] = report(&fixture, i).pid;
    }
    services_set_status(fixture.services, ROLE_SECONDARY);
    assert_false(services_settled(fixture.services));
    run_until(&fixture, settled);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(report(&fixture, i).state, SERVICE_STOPPED);
        assert_string_equal(report(&fixture, i).last_exit, "exit code 0");
        assert_int_equal(kill(pids[i], 0), -1); /* settled means reaped */
    }
    assert_int_equal(logged.warnings + logged.errors, 0);
    close_fixture(&fixture);
}

static void a_service_wanted_again_while_it_stops_is_started_again(void **state)
{
    (void)state;
    struct fixture fixture;
    open_services(&fixture, &PATIENT, 1, (const char *const[]){"well"});
    services_set_status(fixture.services, ROLE_PRIMARY);
    run_until(&fixture, settled);
    pid_t before = report(&fixture, 0).pid;
    services_set_status(fixture.services, ROLE_SECONDARY);
    services_set_status(fixture.services, ROLE_PRIMARY);
    run_until(&fixture, settled);
    assert_int_equal(report(&fixture, 0).state, SERVICE_RUNNING);
    assert_int_not_equal(report(&fixture, 0).pid, before);
    close_fixture(&fixture);
}

static void a_service_that_keeps_dying_is_started_again_and_again(void **state)
{
    (void)state;
    struct fixture fixture;
    open_services(&fixture, &PATIENT, 1, (const char *const[]){"exits 1"});
    services_set_status(fixture.services, ROLE_PRIMARY);
    run_until(&fixture, restarted_5_times);
    assert_string_equal(report(&fixture, 0).last_exit, "exit code 1");
    assert_int_equal(logged.errors, 0);
    services_set_status(fixture.services, ROLE_SECONDARY);
    run_until(&fixture, settled);
    long restarts = report(&fixture, 0).restarts;
    assert_int_equal(report(&fixture, 0).state, SERVICE_STOPPED);
    assert_int_equal(report(&fixture, 0).restarts, restarts);
    close_fixture(&fixture);
}

static void a_wrong_configuration_is_said_once_and_tried_again_after_a_reload(void **state)
{
    (void)state;
    struct fixture fixture;
    open_services(&fixture, &PATIENT, 2, (const char *const[]){"exits 78", "well"});
    services_set_status(fixture.services, ROLE_PRIMARY);
    run_until(&fixture, settled); /* the other runs all the same */
    assert_int_equal(report(&fixture, 0).state, SERVICE_FAILED);
    assert_int_equal(report(&fixture, 1).state, SERVICE_RUNNING);
    assert_int_equal(logged.errors, 1);
    services_reload(fixture.services);
    assert_int_equal(report(&fixture, 0).state, SERVICE_STARTING);
    run_until(&fixture, first_failed);
    assert_int_equal(logged.errors, 2);
    assert_int_equal(report(&fixture, 0).restarts, 1);
    close_fixture(&fixture);
}

static bool counted(struct fixture *fixture)
{
    return report(fixture, 0).counters[0] != '\0';
}

static void the_status_file_is_one_json_document(void **state)
{
    (void)state;
    struct fixture fixture;
    char path[] = "/tmp/test_status.XXXXXX";
    struct err err = {0};
    json_error_t json_err;
    close(mkstemp(path));
    open_services(&fixture, &PATIENT, 2, (const char *const[]){"stalls", "exits 78"});
    services_set_status(fixture.services, ROLE_PRIMARY);
    run_until(&fixture, settled);
    run_until(&fixture, counted);
    const struct status_file status = {.node = "a \"quoted\"\n\\node",
                                       .identity = "publisher",
                                       .status = ROLE_SPLIT_BRAIN_RECOVERY,
                                       .pid = 42,
                                       .written = {1000},
                                       .services = fixture.services};
    assert_true(status_file_write(&status, path, &err));
    json_t *json = json_load_file(path, 0, &json_err);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "node")), status.node);
    assert_string_equal(json_string_value(json_object_get(json, "status")),
                        "Split Brain Recovery");
    assert_string_equal(json_string_value(json_object_get(json, "written")),
                        "1970-01-01T00:00:01Z");
    const json_t *services = json_object_get(json, "services");
    assert_int_equal(json_array_size(services), 2);
    const json_t *running = json_array_get(services, 0), *failed = json_array_get(services, 1);
    assert_string_equal(json_string_value(json_object_get(running, "state")), "running");
    assert_int_equal(json_integer_value(json_object_get(running, "pid")),
                     report(&fixture, 0).pid);
    const json_t *counters = json_object_get(running, "counters");
    assert_int_equal(json_object_size(counters), 1); /* "bad=x" is no counter */
    assert_int_equal(json_integer_value(json_object_get(counters, "runs")), 7);
    assert_true(json_is_null(json_object_get(running, "last_exit")));
    assert_true(json_is_null(json_object_get(failed, "pid")));
    assert_string_equal(json_string_value(json_object_get(failed, "last_exit")),
                        "exit code 78");
    assert_string_equal(json_string_value(json_object_get(failed, "state")), "failed");
    json_decref(json);
    unlink(path);
    close_fixture(&fixture);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--behave") == 0)
        return behave(argv[2]);
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_that_never_becomes_ready_is_killed),
        cmocka_unit_test(a_child_that_stalls_is_killed),
        cmocka_unit_test(a_child_that_closes_its_socket_and_stays_is_killed),
        cmocka_unit_test(a_child_that_behaves_says_ready_counts_and_stops_when_asked),
        cmocka_unit_test(a_child_that_ignores_stop_and_term_is_killed),
        cmocka_unit_test(a_child_that_knows_no_stop_gets_sigterm),
        cmocka_unit_test(a_child_is_not_blamed_for_our_own_being_frozen),
        cmocka_unit_test(a_program_that_is_not_there_exits_127),
        cmocka_unit_test(what_a_child_started_does_not_outlive_it),
        cmocka_unit_test(the_death_of_the_supervisor_ends_the_children),
        cmocka_unit_test(services_start_in_order_and_stop_in_reverse),
        cmocka_unit_test(a_service_wanted_again_while_it_stops_is_started_again),
        cmocka_unit_test(a_service_that_keeps_dying_is_started_again_and_again),
        cmocka_unit_test(a_wrong_configuration_is_said_once_and_tried_again_after_a_reload),
        cmocka_unit_test(the_status_file_is_one_json_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
