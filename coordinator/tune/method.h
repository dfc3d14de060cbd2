/* How a task can be tuned: the ids that configurations, folders and tables use. */
#ifndef MP2_COORDINATOR_TUNE_METHOD_H
#define MP2_COORDINATOR_TUNE_METHOD_H

enum method {
    METHOD_GRADIENT,  /* MP2: the router, then composed prompts and head, by gradient (worker/README.md, "Tuning by
                         gradient") */
    METHOD_BLACK_BOX, /* MP2: the router by Bayesian optimisation, then CMA-ES per layer (worker/README.md, "Black box")
                       */
    METHOD_ROUTER,    /* MP2: the router alone: K numbers a layer */
    METHOD_PROMPT,    /* baseline: a fresh prompt before the first layer (prompt tuning), with the head */
    METHOD_DEEP_PROMPT, /* baseline: a fresh prompt before every layer (as P-tuning v2), with the head */
    METHOD_SINGLE,      /* baseline: one pre-trained prompt without modules (a checkpoint with K = 1), tuned */
    METHOD_FULL,        /* baseline: all weights of the encoder, with the head */
    METHOD_ZERO_SHOT,   /* nothing is tuned: a seen task's router, else the mean of the modules */
    METHOD_COUNT
};

/* "gradient", "black-box", …: names of folders. */
const char *method_text(enum method method);
/* For tables: "MP2 two-stage gradient", … */
const char *method_title(enum method method);
/* 0 and *method set when text names one; -1 otherwise. */
int method_parse(const char *text, enum method *method);

#endif
