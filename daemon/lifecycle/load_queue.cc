#include "daemon/lifecycle/load_queue.h"

#include <algorithm>

namespace modeld {

bool IsDue(absl::Time when, absl::Time now) { return when <= now || when - now > kLongestPutOff; }

void LoadQueue::Set(const std::string& model, const std::vector<LoadWish>& wishes) {
  const auto known = by_model_.find(model);
  std::vector<Entry> before;
  if (known != by_model_.end()) {
    for (const Entries::iterator entry : known->second) before.push_back(*entry);
    for (const Entries::iterator entry : known->second) entries_.erase(entry);
    by_model_.erase(known);
  }
  if (wishes.empty()) return;

  std::vector<Entries::iterator>& of_model = by_model_[model];
  for (const LoadWish& wish : wishes) {
    const auto same = std::find_if(before.begin(), before.end(), [&](const Entry& entry) {
      return entry.job.version == wish.version && entry.priority == wish.priority;
    });
    const uint64_t age = same == before.end() ? next_age_++ : same->age;
    of_model.push_back(entries_
                           .insert({.priority = wish.priority,
                                    .age = age,
                                    .job = {.model = model, .version = wish.version},
                                    .not_before = wish.not_before})
                           .first);
  }
}

LoadQueue::Entries::const_iterator LoadQueue::FirstDue(absl::Time now) const {
  return std::find_if(entries_.begin(), entries_.end(),
                      [&](const Entry& entry) { return IsDue(entry.not_before, now); });
}

std::optional<LoadJob> LoadQueue::Front(absl::Time now) const {
  const auto due = FirstDue(now);
  if (due == entries_.end()) return std::nullopt;
  return due->job;
}

std::optional<LoadJob> LoadQueue::Pop(absl::Time now) {
  const auto due = FirstDue(now);
  if (due == entries_.end()) return std::nullopt;
  const LoadJob job = due->job;
  std::vector<Entries::iterator>& of_model = by_model_[job.model];
  std::erase(of_model, due);
  if (of_model.empty()) by_model_.erase(job.model);
  entries_.erase(due);
  return job;
}

absl::Time LoadQueue::NextDue() const {
  absl::Time next = absl::InfiniteFuture();
  for (const Entry& entry : entries_) next = std::min(next, entry.not_before);
  return next;
}

}  // namespace modeld
