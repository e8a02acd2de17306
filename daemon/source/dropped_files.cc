#include "daemon/source/dropped_files.h"

#include <utility>

namespace modeld {

bool DroppedFiles::Show(DroppedFileView view) {
  MutexLock lock(&mutex_);
  const auto [it, is_new] = views_.try_emplace(view.path);
  const bool entered = is_new || it->second.state != view.state;
  if (!entered) view.since = it->second.since;
  it->second = std::move(view);
  return entered;
}

void DroppedFiles::Hide(const std::string& path) {
  MutexLock lock(&mutex_);
  views_.erase(path);
}

void DroppedFiles::HideIf(const std::function<bool(const std::string& path)>& condition) {
  MutexLock lock(&mutex_);
  std::erase_if(views_, [&](const auto& entry) { return condition(entry.first); });
}

std::vector<DroppedFileView> DroppedFiles::List() const {
  MutexLock lock(&mutex_);
  std::vector<DroppedFileView> views;
  for (const auto& [path, view] : views_) views.push_back(view);
  return views;
}

}  // namespace modeld
