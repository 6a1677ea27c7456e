/* Figures, and how they are shown. */
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench.h"

enum { FIGURES_MAX = 32 };

static struct bench_figure figures[FIGURES_MAX];
static int figure_count;

void bench_figure(const struct bench_figure *figure)
{
    if (figure_count < FIGURES_MAX)
        figures[figure_count++] = *figure;
}

void bench_end(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("sib-bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(EX_SOFTWARE);
}

void bench_say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

double bench_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void bench_sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double bench_spread(const double *values, int count)
{
    double least = values[0], greatest = values[0];

    for (int i = 1; i < count; i++) {
        least = fmin(least, values[i]);
        greatest = fmax(greatest, values[i]);
    }
    return greatest > 0 ? 100 * (greatest - least) / greatest : 0;
}

/* How many times the limit's cost ours is; 1.0 is the limit itself. */
static double cost(const struct bench_figure *figure)
{
    double ratio = figure->better == BENCH_MORE ? figure->limit / figure->ours
                                                : figure->ours / figure->limit;
    return isfinite(ratio) ? ratio : 0;
}

static void machine(char *text, size_t size)
{
    struct utsname name;
    double load[3] = {0};
    char model[128] = "";
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");

    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon)
            snprintf(model, sizeof model, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    }
    if (file)
        fclose(file);
    uname(&name);
    getloadavg(load, 3);
    snprintf(text, size, "%ld cores, %s, Linux %.40s; load average at the end %.1f",
             sysconf(_SC_NPROCESSORS_ONLN), model, name.release, load[0]);
}

static void print_json(const char *on)
{
    json_t *list = json_array();

    for (int i = 0; i < figure_count; i++) {
        const struct bench_figure *f = &figures[i];
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:f, s:s, s:f, s:s, s:f, s:f, s:s}", "figure", f->name,
                            "unit", f->unit, "ours", f->ours, "ours-is", f->ours_is, "limit",
                            f->limit, "limit-is", f->limit_is, "times-the-limits-cost", cost(f),
                            "spread-percent", f->spread, "note", f->note));
    }
    json_t *all = json_pack("{s:s, s:o}", "machine", on, "figures", list);
    json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(5));
    putchar('\n');
    json_decref(all);
}

static void print_number(double number)
{
    int decimals = number >= 100 || number == 0 ? 0 : number >= 10 ? 1 : number >= 0.1 ? 2 : 4;
    printf("%12.*f", decimals, number);
}

void bench_print(const struct bench_options *options)
{
    char on[400];

    machine(on, sizeof on);
    if (options->json) {
        print_json(on);
        return;
    }
    printf("%s\n\n%-34s%-10s%12s%12s%8s%8s\n", on, "figure", "unit", "sib", "limit", "cost x",
           "spread");
    for (int i = 0; i < figure_count; i++) {
        const struct bench_figure *f = &figures[i];
        printf("%-34s%-10s", f->name, f->unit);
        print_number(f->ours);
        print_number(f->limit);
        printf("%8.2f%7.0f%%\n", cost(f), f->spread);
    }
    printf("\ncost x: how many times what the limit costs; spread: of the repeats of sib\n\n");
    for (int i = 0; i < figure_count; i++) {
        const struct bench_figure *f = &figures[i];
        printf("%s\n  sib:   %s\n  limit: %s\n", f->name, f->ours_is, f->limit_is);
        if (f->note[0])
            printf("  %s\n", f->note);
    }
}
