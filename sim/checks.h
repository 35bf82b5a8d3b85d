/* SPDX-License-Identifier: MIT */
/* What the three files of rules share and nobody else sees: segments (segment_rules.c), what a host
 * says of itself (host_rules.c), and who calls them (invariants.c). */
#ifndef SIM_CHECKS_H
#define SIM_CHECKS_H

#include "sim/invariants.h"

/* What is being looked at while a rule is decided. */
struct sim_view {
    struct sim_checks *c;
    struct sim_host *host;
    const struct estab_trace *r; /* NULL: the status, not a record */
    struct sim_flow *f;
};

static inline void
violated(const struct sim_view *v, enum sim_rule rule, uint64_t a, uint64_t b)
{
    sim_violated(v->c->world, rule, v->host->number, v->r != NULL ? v->r->conn : v->f->conn, a, b);
}

/* Packets of no connection may wait there for their next hop, and leave behind younger ones. */
static inline bool
has_ethernet(const struct sim_host *host)
{
    for (unsigned i = 0; i < host->n_interfaces; i++)
        if (host->interfaces[i].ethernet)
            return true;
    return false;
}

/* A set of states. */
#define TO(state) (1u << ESTAB_TCPS_##state)

/* The flow of two endpoints; NULL: no memory, the run has failed. */
struct sim_flow *sim_flow_of(struct sim_checks *c, uint32_t host,
                             const struct estab_endpoint *local,
                             const struct estab_endpoint *remote);

/* A packet arrived and has its verdict: the books of the host, then those of its flow. */
void sim_check_verdict(const struct sim_view *v);
void sim_check_packet_in(const struct sim_view *v);
/* A packet was handed out. */
void sim_check_record_out(const struct sim_view *v);
void sim_check_segment_out(const struct sim_view *v);
/* A state changed, a timer fired. */
void sim_check_state(const struct sim_view *v);
void sim_check_timer(const struct sim_view *v);
/* A host has nothing more to say. */
void sim_check_host(struct sim_checks *c, struct sim_host *host);

#endif
