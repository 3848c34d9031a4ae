"""The web views of a worker: JSON on Faust's web server. `views.register` ties them to an app."""
