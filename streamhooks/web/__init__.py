"""The web API and the page of a worker, on Faust's web server. `register` adds the views to an app."""
