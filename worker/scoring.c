/* A worker's part of a scoring round. */
#include "worker/scoring.h"

#include "cluster/base/memory.h"

status scoring_prepare(struct scoring_worker *w, const struct scoring_size *size)
{
    w->words = (size_t)size->words;
    w->answers = (size_t)size->answers;
    TRY(mem_grow(&w->message, &w->message_room, w->words, sizeof *w->message));
    return mem_grow(&w->results, &w->result_room, w->answers, sizeof *w->results);
}

status scoring_answer(struct scoring_worker *w, struct compute *c, const struct encoder_prompts *prompts,
                      const float *head)
{
    return score_batch_run(c, w->message, w->words, prompts, head, w->results);
}

void scoring_fini(struct scoring_worker *w)
{
    mem_free(w->message);
    mem_free(w->results);
    *w = (struct scoring_worker){0};
}
