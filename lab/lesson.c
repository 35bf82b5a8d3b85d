/* SPDX-License-Identifier: MIT */
/* See lesson.h. */
#include "lab/lesson.h"

#include "cli/script_show.h"
#include "drivers/alloc.h"
#include "lab/rules.h"
#include "sim/script_lesson.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int
lab_directory(char path[LAB_PATH], struct failure *why)
{
    static const char *const beside[] = { "../share/estab/lab", "../lab" };
    const char *given = getenv("ESTAB_LAB_DIR");
    char self[LAB_PATH - 32], *slash;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (given != NULL && *given != '\0') {
        snprintf(path, LAB_PATH, "%s", given);
        return 0;
    }
    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    for (size_t i = 0; slash != NULL && i < sizeof beside / sizeof beside[0]; i++) {
        snprintf(path, LAB_PATH, "%.*s/%s", (int)(slash - self), self, beside[i]);
        if (is_directory(path))
            return 0;
    }
    return estab_fail(why, "no lessons are found beside this program: ESTAB_LAB_DIR says where");
}

/* Takes "zero-window" out of "lab/zero-window.lab". */
static void
set_name(struct lab_lesson *l)
{
    const char *base = strrchr(l->path, '/');
    size_t n;

    base = base != NULL ? base + 1 : l->path;
    n = strlen(base);
    if (n > 4 && strcmp(base + n - 4, ".lab") == 0)
        n -= 4;
    snprintf(l->name, sizeof l->name, "%.*s", (int)n, base);
}

static bool
is_digits(const char *s)
{
    size_t n = strspn(s, "0123456789");

    return n > 0 && n < 4 && s[n] == '\0';
}

/* The lesson of that number. */
static int
find_number(struct lab_lesson *l, uint32_t number, struct failure *why)
{
    struct lab_lesson *all = calloc(LAB_LESSONS, sizeof *all);
    unsigned n = 0, bad;
    int status = all != NULL ? lab_read_all(all, &n, &bad, why) : estab_fail(why, "out of memory");
    bool found = false;

    for (unsigned i = 0; i < n; i++) {
        if (!found && all[i].script->lesson == number) {
            memcpy(l->path, all[i].path, sizeof l->path);
            found = true;
        }
        lab_forget(&all[i]);
    }
    free(all);
    if (status == 0 && !found)
        return estab_fail(why, "there is no lesson %u (estab lab lists them)", (unsigned)number);
    return status;
}

int
lab_find(struct lab_lesson *l, const char *name, struct failure *why)
{
    char directory[LAB_PATH];
    size_t n = strlen(name);
    struct stat st;

    *l = (struct lab_lesson){ .script = NULL };
    if (strchr(name, '/') != NULL || (n > 4 && strcmp(name + n - 4, ".lab") == 0)) {
        snprintf(l->path, sizeof l->path, "%s", name);
    } else if (is_digits(name)) {
        if (find_number(l, (uint32_t)strtoul(name, NULL, 10), why) < 0)
            return -1;
    } else {
        if (lab_directory(directory, why) < 0)
            return -1;
        if ((size_t)snprintf(l->path, sizeof l->path, "%s/%s.lab", directory, name) >=
                sizeof l->path ||
            stat(l->path, &st) != 0)
            return estab_fail(why, "there is no lesson %.100s (estab lab lists them)", name);
    }
    set_name(l);
    return 0;
}

/* Does the lab know each rule the script speaks of? */
static bool
check_rules(const struct lab_lesson *l, const struct sim_script_rules *rules, struct failure *why)
{
    struct sim_word name;

    for (unsigned n = 0; sim_rules_nth(l->script, rules, n, &name); n++)
        if (lab_rule_find(name.s, name.len) < 0) {
            estab_fail(why,
                       "%.200s:%u:%u: expected the name of a rule (estab lab --rules lists them), "
                       "found \"%.*s\"",
                       l->path, (unsigned)rules->line, (unsigned)rules->column,
                       (int)(name.len < 60 ? name.len : 60), name.s);
            return false;
        }
    return true;
}

static int
check_all_rules(const struct lab_lesson *l, struct failure *why)
{
    for (uint32_t i = 0; i < l->script->n_counterfactuals; i++)
        if (!check_rules(l, &l->script->counterfactual[i].rules, why))
            return -1;
    for (size_t i = 0; i < l->script->n_lines; i++)
        if (!check_rules(l, &l->script->lines[i].rules, why))
            return -1;
    return 0;
}

int
lab_read(struct lab_lesson *l, struct failure *why)
{
    const struct estab_alloc from = estab_alloc_system();
    struct sim_script_error error;

    l->text = estab_script_read(l->path, &l->len, why);
    if (l->text == NULL)
        return -1;
    l->script = malloc(sizeof *l->script);
    if (l->script == NULL) {
        lab_forget(l);
        return estab_fail(why, "out of memory");
    }
    if (!sim_script_parse(l->script, &from, l->text, l->len, &error))
        estab_fail(why, "%.200s:%u:%u: %s", l->path, (unsigned)error.line, (unsigned)error.column,
                   error.text);
    else if (check_all_rules(l, why) == 0)
        return 0;
    lab_forget(l);
    return -1;
}

void
lab_forget(struct lab_lesson *l)
{
    if (l->script != NULL)
        sim_script_free(l->script);
    free(l->script);
    free(l->text);
    l->script = NULL;
    l->text = NULL;
}

static int
by_number(const void *a, const void *b)
{
    const struct lab_lesson *x = a, *y = b;

    if (x->script->lesson != y->script->lesson)
        return x->script->lesson < y->script->lesson ? -1 : 1;
    return strcmp(x->name, y->name);
}

int
lab_read_all(struct lab_lesson *lessons, unsigned *n, unsigned *bad, struct failure *why)
{
    char path[LAB_PATH];
    struct dirent *e;
    DIR *d;

    *n = *bad = 0;
    if (lab_directory(path, why) < 0)
        return -1;
    d = opendir(path);
    if (d == NULL)
        return estab_fail(why, "cannot read %.300s: %s", path, strerror(errno));
    while ((e = readdir(d)) != NULL && *n < LAB_LESSONS) {
        struct lab_lesson *l = &lessons[*n];
        size_t len = strlen(e->d_name);
        struct failure wrong;

        if (len < 5 || strcmp(e->d_name + len - 4, ".lab") != 0)
            continue;
        *l = (struct lab_lesson){ .script = NULL };
        if ((size_t)snprintf(l->path, sizeof l->path, "%s/%s", path, e->d_name) >= sizeof l->path)
            continue;
        set_name(l);
        if (lab_read(l, &wrong) < 0) {
            fprintf(stderr, "%s\n", wrong.text);
            ++*bad;
        } else {
            ++*n;
        }
    }
    closedir(d);
    qsort(lessons, *n, sizeof *lessons, by_number);
    return 0;
}

const char *
lab_text(const struct lab_lesson *l, const struct sim_script_text texts[3],
         enum sim_script_language language, size_t *len)
{
    const struct sim_script_text *t = &texts[language];

    if (t->len == 0)
        t = texts[SIM_SAY_ALL].len > 0 ? &texts[SIM_SAY_ALL] : &texts[SIM_SAY_ENGLISH];
    *len = t->len;
    return t->len > 0 ? l->script->strings + t->at : "";
}
