/* SPDX-License-Identifier: MIT */
/* The commands of `estab`. Each gets its own arguments, argv[0] being its name, and returns the
 * exit status: 0, 1 for a failure, 2 for a wrong command line. */
#ifndef ESTAB_CLI_CLI_H
#define ESTAB_CLI_CLI_H

int estab_cmd_demo(int argc, char **argv);
int estab_cmd_get(int argc, char **argv);
int estab_cmd_http(int argc, char **argv);
int estab_cmd_lab(int argc, char **argv);
int estab_cmd_ping(int argc, char **argv);
int estab_cmd_nc(int argc, char **argv);
int estab_cmd_replay(int argc, char **argv);
int estab_cmd_script(int argc, char **argv);
int estab_cmd_set(int argc, char **argv);
int estab_cmd_ss(int argc, char **argv);
int estab_cmd_top(int argc, char **argv);
int estab_cmd_trace(int argc, char **argv);
int estab_cmd_wan(int argc, char **argv);

#endif
