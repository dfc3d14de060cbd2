/* One declaration a command; each is defined in cmd_NAME.c. All are called as struct command's run, and
 * cmd_NAME_options as its options. */
#ifndef MP2_COORDINATOR_COMMAND_COMMANDS_H
#define MP2_COORDINATOR_COMMAND_COMMANDS_H

#include <stddef.h>

#include "cluster/base/options.h"
#include "cluster/base/status.h"

status cmd_bench(int argc, char **argv);
status cmd_checkpoint(int argc, char **argv);
status cmd_data(int argc, char **argv);
status cmd_tokenize(int argc, char **argv);
status cmd_doctor(int argc, char **argv);
status cmd_encoder(int argc, char **argv);
size_t cmd_encoder_options(const struct option **rows);
status cmd_evaluate(int argc, char **argv);
status cmd_help(int argc, char **argv);
status cmd_fill_mask(int argc, char **argv);
size_t cmd_fill_mask_options(const struct option **rows);
status cmd_launch(int argc, char **argv);
size_t cmd_launch_options(const struct option **rows);
status cmd_mlm(int argc, char **argv);
size_t cmd_mlm_options(const struct option **rows);
status cmd_predict(int argc, char **argv);
size_t cmd_predict_options(const struct option **rows);
status cmd_pretrain(int argc, char **argv);
size_t cmd_pretrain_options(const struct option **rows);
status cmd_probe(int argc, char **argv);
extern const char cmd_probe_flags[];
status cmd_report(int argc, char **argv);
size_t cmd_report_options(const struct option **rows);
status cmd_run(int argc, char **argv);
status cmd_stop(int argc, char **argv);
size_t cmd_stop_options(const struct option **rows);
status cmd_tune(int argc, char **argv);
size_t cmd_tune_options(const struct option **rows);
status cmd_version(int argc, char **argv);
status cmd_vocab(int argc, char **argv);
size_t cmd_vocab_options(const struct option **rows);

#endif
