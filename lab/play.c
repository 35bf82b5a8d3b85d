/* SPDX-License-Identifier: MIT */
/* See play.h. */
#include "lab/play.h"

#include "drivers/alloc.h"
#include "lab/rules.h"
#include "lab/side.h"
#include "sim/script_lesson.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Which host keeps to which rules, while a lesson is played. */
struct hosts {
    struct estab_rules some; /* rules are missing here */
    uint32_t only;           /* the host that keeps to `some`; SIM_SCRIPT_ALL_HOSTS: all do */
};

static void
prepare(void *ctx, uint32_t host, struct estab_stack *stack)
{
    const struct hosts *h = ctx;

    if (h->only == SIM_SCRIPT_ALL_HOSTS || h->only == host)
        estab_lab_set_rules(stack, &h->some);
}

static const char *
say(enum sim_script_language language, const char *english, const char *chinese)
{
    return language == SIM_SAY_CHINESE ? chinese : english;
}

/* ---- what is drawn ---- */

/* Piece by piece, with Enter between them. */
static void
show_in_steps(const struct script_show *show)
{
    size_t at = 0;

    for (size_t i = 0; i <= show->n_marks; i++) {
        size_t end = i < show->n_marks ? show->mark[i] : show->drawn_len;
        int c;

        if (end <= at)
            continue;
        fwrite(show->drawn + at, 1, end - at, stdout);
        at = end;
        if (i == show->n_marks)
            break;
        fflush(stdout);
        while ((c = getchar()) != '\n' && c != EOF)
            continue;
    }
}

static void
print_differences(const struct lab_lesson *l, const struct sim_script_result *r,
                  enum sim_script_language language)
{
    uint32_t n = r->differences < SIM_SCRIPT_DIFFERENCES ? r->differences : SIM_SCRIPT_DIFFERENCES;

    if (n == 0)
        return;
    printf("%s\n",
           say(language, "What the lesson says is no longer so:", "课文所说的，有些不再成立："));
    for (uint32_t i = 0; i < n; i++)
        printf("  %s.lab:%u: %s\n", l->name, (unsigned)r->difference[i].line,
               r->difference[i].text);
    if (r->differences > n)
        printf("  (+%u)\n", (unsigned)(r->differences - n));
}

/* The text of a line, without what is in front of it and behind. */
static void
print_line(const struct lab_lesson *l, uint32_t number)
{
    const char *at = l->text, *end = l->text + l->len, *stop;

    for (; number > 1 && at < end; number--) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at != NULL ? at + 1 : end;
    }
    stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    printf("%.*s\n", (int)((stop != NULL ? stop : end) - at), at);
}

static void
print_harms(const struct lab_lesson *l, const struct sim_script_result *r,
            enum sim_script_language language)
{
    printf("%s\n", say(language, "The harm, as it was seen:", "亲眼看到的危害："));
    for (uint32_t i = 0; i < r->harms && i < SIM_SCRIPT_DIFFERENCES; i++) {
        printf("  %s.lab:%u: ", l->name, (unsigned)r->harm_line[i]);
        print_line(l, r->harm_line[i]);
    }
}

/* ---- one run ---- */

/* 0, or 1 when it is not as it should be; -1: it could not be shown. The drawing goes to `drawn`, to
 * be freed, or if that is NULL to standard output. */
static int
run(const struct lab_play *p, const struct lab_lesson *l, const char *without, uint32_t host,
    struct sim_script_result *result, char **drawn, struct failure *why)
{
    const struct estab_alloc from = estab_alloc_system();
    struct hosts hosts = { .some = lab_rules_without(without), .only = host };
    const struct sim_script_how how = {
        .language = p->language, .without = without, .prepare = prepare, .ctx = &hosts
    };
    struct script_look look = p->look;
    struct sim_script_watch watch;
    struct script_show show;
    int status = -1;

    look.title = l->name;
    if (estab_script_show_open(&show, &look, l->script, &watch, why) == 0) {
        (void)sim_script_play(l->script, &from, &how, &watch, result);
        if (estab_script_show_finish(&show, result, why) == 0) {
            status = result->failed;
            if (drawn != NULL)
                *drawn = strndup(show.drawn, show.drawn_len);
            else if (p->step)
                show_in_steps(&show);
            else if (!p->mute && (result->failed || !p->quiet))
                fwrite(show.drawn, 1, show.drawn_len, stdout);
        }
    }
    estab_script_show_close(&show);
    fflush(stdout);
    if (status == 1)
        fprintf(stderr, "%s:%u:%u: %s%s%s%s\n", l->path, (unsigned)result->line,
                (unsigned)result->column, result->text, without != NULL ? " (without " : "",
                without != NULL ? without : "", without != NULL ? ")" : "");
    return status;
}

/* ---- with and without ---- */

static bool
is_list(const struct sim_script *s, const struct sim_script_rules *rules, const char *list)
{
    return strlen(list) == rules->list.len &&
           memcmp(s->strings + rules->list.at, list, rules->list.len) == 0;
}

/* What the lesson says of taking these away; NULL: nothing. */
static const struct sim_script_counterfactual *
offer_of(const struct sim_script *s, const char *without)
{
    for (uint32_t i = 0; i < s->n_counterfactuals; i++)
        if (is_list(s, &s->counterfactual[i].rules, without))
            return &s->counterfactual[i];
    return NULL;
}

static void
print_title(const struct lab_lesson *l, enum sim_script_language language)
{
    size_t len;
    const char *title = lab_text(l, l->script->title, language, &len);

    if (l->script->lesson > 0)
        printf(say(language, "Lesson %u: ", "第 %u 课："), (unsigned)l->script->lesson);
    printf("%.*s\n\n", (int)len, len > 0 ? title : l->name);
}

static void
print_offers(const struct lab_lesson *l, enum sim_script_language language)
{
    const struct sim_script *s = l->script;

    if (s->n_counterfactuals == 0)
        return;
    printf("\n%s\n",
           say(language, "What if a rule were missing? Try:", "如果少了一条规则会怎样？试试："));
    for (uint32_t i = 0; i < s->n_counterfactuals; i++)
        printf("  estab lab %s --without %.*s\n", l->name, (int)s->counterfactual[i].rules.list.len,
               s->strings + s->counterfactual[i].rules.list.at);
    if (s->n_questions > 0)
        printf("%s estab lab %s --questions\n", say(language, "Questions:", "思考题："), l->name);
}

static void
print_without(const struct lab_play *p, const struct lab_lesson *l, uint32_t host)
{
    const char *at = p->without;

    printf("\n%s%s\n", say(p->language, "==== The same again, without", "==== 同样的过程，但去掉"),
           host == SIM_SCRIPT_ALL_HOSTS ? "" : say(p->language, " (one host)", "（仅一台主机）"));
    while (*at != '\0') {
        size_t n = strcspn(at, ",");
        struct lab_rule r = lab_rule((unsigned)lab_rule_find(at, n));

        printf("     %s: %s (%s)\n", r.name, r.text, r.cited);
        at += n + (at[n] == ',');
    }
    if (host != SIM_SCRIPT_ALL_HOSTS)
        printf("     %s %s\n", say(p->language, "on", "主机"), l->script->host[host].name.text);
    printf("\n");
}

/* Which host it is taken from; false: `on` is none. */
static bool
choose_host(const struct lab_play *p, const struct lab_lesson *l,
            const struct sim_script_counterfactual *offer, uint32_t *host)
{
    *host = offer != NULL ? offer->host : SIM_SCRIPT_ALL_HOSTS;
    if (p->on == NULL)
        return true;
    for (*host = 0; *host < l->script->n_hosts; ++*host)
        if (strcmp(l->script->host[*host].name.text, p->on) == 0 && *host != l->script->peer)
            return true;
    fprintf(stderr, "estab lab: %.100s: there is no such host in this lesson\n", p->on);
    return false;
}

static int
play_without(const struct lab_play *p, const struct lab_lesson *l, const char *with,
             struct sim_script_result *result, struct failure *why)
{
    const struct sim_script_counterfactual *offer = offer_of(l->script, p->without);
    char *drawn = NULL;
    uint32_t host;
    size_t len;
    int status;

    if (!choose_host(p, l, offer, &host))
        return 2;
    if (!p->quiet && !p->look.json)
        print_without(p, l, host);
    status = run(p, l, p->without, host, result, with != NULL ? &drawn : NULL, why);
    if (with != NULL && drawn != NULL)
        lab_side(stdout, with, drawn, p->look.width, p->look.ascii);
    free(drawn);
    if (status != 0 || p->quiet || p->look.json)
        return status;
    printf("\n");
    if (offer != NULL) {
        const char *harm = lab_text(l, offer->harm, p->language, &len);

        printf("%.*s\n", (int)len, harm);
    }
    if (result->harms > 0)
        print_harms(l, result, p->language);
    else
        printf("%s\n", say(p->language, "This lesson knows of no harm from it.",
                           "本课没有列出去掉它的危害。"));
    print_differences(l, result, p->language);
    return 0;
}

int
lab_play(const struct lab_play *p, const struct lab_lesson *l)
{
    struct sim_script_result *result = malloc(sizeof *result);
    struct failure why = { "out of memory" };
    bool talks = !p->quiet && !p->look.json;
    char *with = NULL; /* the drawing, kept for its neighbour */
    int status = -1;

    if (result != NULL) {
        if (talks)
            print_title(l, p->language);
        status = p->without != NULL && p->look.json
                     ? 0
                     : run(p, l, NULL, SIM_SCRIPT_ALL_HOSTS, result,
                           p->side && p->without != NULL ? &with : NULL, &why);
        if (status == 0 && p->without != NULL)
            status = play_without(p, l, with, result, &why);
        else if (status == 0 && talks) {
            printf(say(p->language, "\nok    %u expectations met; trace %016" PRIx64 "\n",
                       "\nok    %u 项预期全部满足；轨迹 %016" PRIx64 "\n"),
                   (unsigned)result->checks, result->hash);
            print_offers(l, p->language);
        }
    }
    free(with);
    free(result);
    if (status < 0)
        fprintf(stderr, "estab lab: %s\n", why.text);
    return status < 0 ? 1 : status;
}

int
lab_check(const struct lab_lesson *l, enum sim_script_language language, unsigned *plays)
{
    const struct sim_script *s = l->script;
    struct sim_script_result *result = malloc(sizeof *result);
    struct lab_play p = {
        .language = language, .quiet = true, .mute = true, .look = { .width = 100 }
    };
    struct failure why = { "out of memory" };
    int status = result == NULL ? -1 : run(&p, l, NULL, SIM_SCRIPT_ALL_HOSTS, result, NULL, &why);

    ++*plays;
    for (uint32_t i = 0; i < s->n_counterfactuals && status >= 0; i++) {
        const struct sim_script_counterfactual *k = &s->counterfactual[i];
        char without[256];
        int got;

        snprintf(without, sizeof without, "%.*s", (int)k->rules.list.len,
                 s->strings + k->rules.list.at);
        ++*plays;
        got = run(&p, l, without, k->host, result, NULL, &why);
        if (got == 0 && result->harms == 0) {
            fprintf(stderr, "%s:%u:%u: without %s no harm is looked for\n", l->path,
                    (unsigned)k->rules.line, (unsigned)k->rules.column, without);
            got = 1;
        }
        status = got < 0 ? got : status | got;
    }
    free(result);
    if (status < 0)
        fprintf(stderr, "estab lab: %s\n", why.text);
    return status != 0;
}

void
lab_questions(const struct lab_lesson *l, enum sim_script_language language)
{
    const struct sim_script *s = l->script;
    unsigned n = 0;

    print_title(l, language);
    for (uint32_t i = 0; i < s->n_questions; i++) {
        const struct sim_script_question *q = &s->question[i];

        if (q->language != language && q->language != SIM_SAY_ALL)
            continue;
        printf("%u. %.*s\n   %.*s\n\n", ++n, (int)q->question.len, s->strings + q->question.at,
               (int)q->answer.len, s->strings + q->answer.at);
    }
    if (n == 0)
        printf("%s\n", say(language, "This lesson asks nothing.", "本课没有思考题。"));
}
