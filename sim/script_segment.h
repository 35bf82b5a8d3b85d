/* SPDX-License-Identifier: MIT */
/* Segments as a script writes them: parsed, sent, compared and shown. */
#ifndef SIM_SCRIPT_SEGMENT_H
#define SIM_SCRIPT_SEGMENT_H

#include "sim/alloc.h"
#include "sim/packet.h"
#include "sim/script_scan.h"

/* Takes what stands behind `<` or, with `is_expected`, behind `>`. Its text goes to `s`. */
bool sim_segment_parse(struct sim_cursor *c, struct sim_script *s, bool is_expected,
                       struct sim_script_segment *segment);
/* Takes a text in quotes at the cursor into s->strings; false: there is none, or it is wrong. */
bool sim_take_text(struct sim_cursor *c, struct sim_script *s, struct sim_script_text *text);

/* The numbers of a script are not those of the wire: the host's begin at 300 with its ISN. */
struct sim_segment_numbers {
    uint32_t shift;  /* what a number of the host on the wire is larger by */
    uint32_t ts_val; /* the host's last TSval */
};

struct sim_segment_names {
    struct estab_endpoint src, dst;
};

#define SIM_SEGMENT_ROOM (40 + 60)
/* Writes the packet, SIM_SEGMENT_ROOM octets and the text; its length. */
uint32_t sim_segment_write(uint8_t *out, const struct sim_script *s,
                           const struct sim_script_segment *segment,
                           const struct sim_segment_numbers *numbers,
                           const struct sim_segment_names *names);
/* Octets of text in it. */
uint32_t sim_segment_text_len(const struct sim_script_segment *segment);
/* Does a packet of the host say what was expected? */
bool sim_segment_matches(const struct sim_script *s, const struct sim_script_segment *segment,
                         const struct sim_packet *packet,
                         const struct sim_segment_numbers *numbers);
/* As a script writes it. */
void sim_segment_show(struct sim_text *t, const struct sim_script *s,
                      const struct sim_script_segment *segment);
/* The same of a packet of the host, with its options when there are any. */
void sim_segment_show_packet(struct sim_text *t, const struct sim_packet *packet,
                             const struct sim_segment_numbers *numbers);
/* The octets of a text that was given by its length only. */
uint8_t sim_segment_octet(uint32_t i);

#endif
