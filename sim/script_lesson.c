/* SPDX-License-Identifier: MIT */
/* See script_lesson.h. */
#include "sim/script_lesson.h"

#include "sim/script_segment.h"

#include <string.h>

#define LESSON_MAX 999u

/* en or zh in front of a text; without one it is for all languages. */
static enum sim_script_language
take_language(struct sim_cursor *c)
{
    if (sim_take(c, "en"))
        return SIM_SAY_ENGLISH;
    return sim_take(c, "zh") ? SIM_SAY_CHINESE : SIM_SAY_ALL;
}

static bool
parse_lesson(struct sim_cursor *c, struct sim_script *s)
{
    struct sim_word w = sim_peek(c);
    uint64_t n;

    if (!sim_word_number(w, LESSON_MAX, &n) || n == 0)
        return sim_expected(c, "the number of the lesson, 1 to 999");
    s->lesson = (uint32_t)n;
    sim_skip(c, w.len);
    return true;
}

static bool
parse_title(struct sim_cursor *c, struct sim_script *s)
{
    return sim_take_text(c, s, &s->title[take_language(c)]);
}

/* claims N1 N2 N13 */
static bool
parse_claims(struct sim_cursor *c, struct sim_script *s)
{
    do {
        struct sim_word w = sim_peek(c);
        uint64_t n = 0;

        if (w.len < 2 || w.s[0] != 'N' ||
            !sim_word_number((struct sim_word){ w.s + 1, w.len - 1 }, SIM_SCRIPT_CLAIMS, &n) ||
            n == 0)
            return sim_expected(c, "a claim, N1 to N22");
        s->claims |= 1u << n;
        sim_skip(c, w.len);
    } while (!sim_at_end(c));
    return true;
}

static bool
parse_question(struct sim_cursor *c, struct sim_script *s)
{
    struct sim_script_question *q = &s->question[s->n_questions];

    if (s->n_questions == SIM_SCRIPT_QUESTIONS)
        return sim_wrong(c, c->at, "too many questions: at most 32");
    q->language = take_language(c);
    if (!sim_take_text(c, s, &q->question) || !sim_take_text(c, s, &q->answer))
        return false;
    s->n_questions++;
    return true;
}

static bool
is_rule_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == ',';
}

bool
sim_lesson_rules(struct sim_cursor *c, struct sim_script *s, struct sim_script_rules *rules)
{
    struct sim_word w = sim_peek(c);
    void *strings = s->strings;
    size_t letters = 0;

    while (letters < w.len && is_rule_letter(w.s[letters]))
        letters++;
    if (w.len == 0 || letters < w.len || w.len > 200)
        return sim_expected(c, "a rule such as time-wait, or several with commas between them "
                               "(estab lab --rules lists them)");
    if (!sim_grow(&s->from, &strings, &s->strings_cap, s->strings_len + w.len, 1))
        return sim_wrong(c, w.s, "no memory for this line");
    s->strings = strings;
    memcpy(s->strings + s->strings_len, w.s, w.len);
    rules->list.at = (uint32_t)s->strings_len;
    rules->list.len = (uint32_t)w.len;
    rules->line = c->line;
    rules->column = sim_column(c, w.s);
    s->strings_len += w.len;
    sim_skip(c, w.len);
    return true;
}

bool
sim_rules_nth(const struct sim_script *s, const struct sim_script_rules *rules, unsigned n,
              struct sim_word *name)
{
    const char *at, *end;

    if (rules->list.len == 0)
        return false;
    at = s->strings + rules->list.at;
    end = at + rules->list.len;
    for (;; at++, n--) {
        const char *comma = memchr(at, ',', (size_t)(end - at));

        name->s = at;
        name->len = (size_t)((comma != NULL ? comma : end) - at);
        if (n == 0)
            return true;
        if (comma == NULL)
            return false;
        at = comma;
    }
}

/* counterfactual RULES [on HOST] [en "..."] [zh "..."] */
static bool
parse_counterfactual(struct sim_cursor *c, struct sim_script *s)
{
    struct sim_script_counterfactual *k = &s->counterfactual[s->n_counterfactuals];

    if (s->n_counterfactuals == SIM_SCRIPT_COUNTERFACTUALS)
        return sim_wrong(c, c->at, "too many counterfactuals: at most 12");
    *k = (struct sim_script_counterfactual){ .host = SIM_SCRIPT_ALL_HOSTS };
    if (!sim_lesson_rules(c, s, &k->rules))
        return false;
    if (sim_take(c, "on")) {
        struct sim_word w = sim_peek(c);

        for (uint32_t i = 0; i < s->n_hosts; i++)
            if (sim_word_is(w, s->host[i].name.text))
                k->host = i;
        if (k->host == SIM_SCRIPT_ALL_HOSTS || k->host == s->peer)
            return sim_expected(c, "a host that has been named before");
        sim_skip(c, w.len);
    }
    do
        if (!sim_take_text(c, s, &k->harm[take_language(c)]))
            return false;
    while (!sim_at_end(c));
    s->n_counterfactuals++;
    return true;
}

bool
sim_lesson_parse(struct sim_cursor *c, struct sim_script *s, bool *taken)
{
    static bool (*const parse[])(struct sim_cursor *,
                                 struct sim_script *) = { parse_lesson, parse_title, parse_claims,
                                                          parse_question, parse_counterfactual };
    static const char *const names[] = { "lesson", "title", "claims", "question",
                                         "counterfactual" };

    *taken = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!sim_take(c, names[i]))
            continue;
        *taken = true;
        if (s->n_lines > 0)
            return sim_wrong(c, c->line_start,
                             "what a lesson is about comes before all that happens");
        return parse[i](c, s);
    }
    return true;
}
