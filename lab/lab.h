/* SPDX-License-Identifier: MIT */
/* The parts of estab-lab that main() starts. Each returns the exit status. */
#ifndef LAB_LAB_H
#define LAB_LAB_H

/* Writes NAME.lab, a lesson to begin with; what is there already is left alone. */
int lab_new(const char *name);
/* --swarm and its options. */
int lab_swarm(int argc, char **argv);

#endif
