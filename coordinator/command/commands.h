/* One declaration a command; each is defined in cmd_NAME.c. All are called as struct command's run. */
#ifndef MP2_COORDINATOR_COMMAND_COMMANDS_H
#define MP2_COORDINATOR_COMMAND_COMMANDS_H

#include "cluster/base/status.h"

status cmd_bench(int argc, char **argv);
void cmd_bench_help(void);
status cmd_checkpoint(int argc, char **argv);
void cmd_checkpoint_help(void);
status cmd_data(int argc, char **argv);
void cmd_data_help(void);
status cmd_tokenize(int argc, char **argv);
status cmd_encoder(int argc, char **argv);
void cmd_encoder_help(void);
status cmd_evaluate(int argc, char **argv);
status cmd_fill_mask(int argc, char **argv);
void cmd_fill_mask_help(void);
status cmd_launch(int argc, char **argv);
void cmd_launch_help(void);
status cmd_mlm(int argc, char **argv);
void cmd_mlm_help(void);
status cmd_predict(int argc, char **argv);
void cmd_predict_help(void);
status cmd_pretrain(int argc, char **argv);
void cmd_pretrain_help(void);
status cmd_probe(int argc, char **argv);
void cmd_probe_help(void);
status cmd_report(int argc, char **argv);
void cmd_report_help(void);
status cmd_run(int argc, char **argv);
void cmd_run_help(void);
status cmd_stop(int argc, char **argv);
void cmd_stop_help(void);
status cmd_tune(int argc, char **argv);
void cmd_tune_help(void);
status cmd_version(int argc, char **argv);
status cmd_vocab(int argc, char **argv);
void cmd_vocab_help(void);

#endif
